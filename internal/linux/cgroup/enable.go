package cgroup

import (
	"path/filepath"
	"slices"
	"strings"
)

// enable makes sure that a version 2 group's children get the controllers. It looks
// at the parent only, which is right whenever Create made that earlier.
func enable(m Place, parent string) error {
	wanted, err := missing(parent)
	if err != nil {
		return err
	}
	if len(wanted) > 0 {
		return enableAll(m, parent)
	}
	// All that the parent has is on, but it may itself have been made without.
	have, err := controllers(parent, "cgroup.controllers")
	if err != nil {
		return err
	}
	for _, c := range m.Controllers {
		if distributed(c) && !slices.Contains(have, c) {
			return enableAll(m, parent)
		}
	}
	return nil
}

// enableAll walks from the root down to dir.
func enableAll(m Place, dir string) error {
	if dir != m.Dir {
		if err := enableAll(m, filepath.Dir(dir)); err != nil {
			return err
		}
	}
	return enableOne(dir)
}

// enableOne turns on what dir has and its children do not get yet. A
// controller that refuses is left off: some can be in use elsewhere, and a
// limit that needs it will say so.
func enableOne(dir string) error {
	wanted, err := missing(dir)
	if err != nil || len(wanted) == 0 {
		return err
	}
	file := filepath.Join(dir, "cgroup.subtree_control")
	if put(file, "+"+strings.Join(wanted, " +")) == nil {
		return nil
	}
	for _, c := range wanted {
		put(file, "+"+c)
	}
	return nil
}

// distributed are the controllers that OCI has limits for, be it by the names of their files.
func distributed(c string) bool {
	return slices.Contains([]string{"cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma", "misc", "dmem"}, c)
}

// missing lists the controllers that dir has but does not hand to its children.
func missing(dir string) ([]string, error) {
	have, err := controllers(dir, "cgroup.controllers")
	if err != nil {
		return nil, err
	}
	on, err := controllers(dir, "cgroup.subtree_control")
	return slices.DeleteFunc(have, func(c string) bool { return !distributed(c) || slices.Contains(on, c) }), err
}

func controllers(dir, file string) ([]string, error) {
	text, err := get(filepath.Join(dir, file))
	return strings.Fields(text), err
}

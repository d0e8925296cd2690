package cgroup

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Create makes the group at an absolute path below the hierarchies' roots
// ("/berth/<id>") with its limits; r may be nil. On failure nothing of it is
// left. Errors: fault.Invalid for a value that the kernel does not take,
// fault.Unsupported for a limit whose controller is not there,
// fault.Conflict when the group exists and is in use.
func (h Hierarchy) Create(name string, r *specs.LinuxResources) (*Group, error) {
	return h.create(name, r, (*Group).make)
}

// Check refuses limits that no group of the hierarchy can have, as Create would. It looks at
// nothing of the host's.
func (h Hierarchy) Check(r *specs.LinuxResources) error {
	_, err := (&planner{on: h.on}).plan(r)
	return err
}

// Complete is Create for a group that is there already in some hierarchies,
// with its processes: somebody else manages the tree, and has made it.
func (h Hierarchy) Complete(name string, r *specs.LinuxResources) (*Group, error) {
	return h.create(name, r, (*Group).complete)
}

func (h Hierarchy) create(name string, r *specs.LinuxResources, makeAll func(*Group, *[]string) error) (*Group, error) {
	g, err := h.at(name)
	if err != nil {
		return nil, err
	}
	// Planning comes first, so that a senseless request touches nothing.
	todo, err := (&planner{on: h.on}).plan(r)
	if err != nil {
		return nil, err
	}
	var made []string
	undo := func() {
		for i := len(made) - 1; i >= 0; i-- {
			os.Remove(made[i]) // a parent that others use now stays
		}
	}
	if err := makeAll(g, &made); err != nil {
		undo()
		return nil, err
	}
	if err = write(g, todo); err == nil && r != nil {
		err = g.setDevices(r.Devices)
	}
	if err != nil {
		undo()
		return nil, err
	}
	return g, nil
}

// make makes the group's directories and says which. Where nothing may be made in a
// place that can be spared, the group goes without it.
func (g *Group) make(made *[]string) error {
	var spared []string
	for i, p := range g.places {
		err := makeDir(g.h.mounts[i], p.Dir, made)
		if g.h.spare(p) && (errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EROFS)) {
			spared = append(spared, p.Dir)
			continue
		}
		if err == nil && g.h.version == V2 {
			err = enable(g.h.mounts[i], filepath.Dir(p.Dir))
		}
		if err != nil {
			return explain(err, p.Dir)
		}
	}
	if len(spared) > 0 {
		g.places = slices.DeleteFunc(g.places, func(p Place) bool { return slices.Contains(spared, p.Dir) })
	}
	return nil
}

// complete makes the directories that are not there, and turns on the controllers
// that whoever manages the tree has left off.
func (g *Group) complete(made *[]string) error {
	for i, p := range g.places {
		err := makeParents(g.h.mounts[i], p.Dir, made)
		if err == nil && g.h.version == V2 {
			err = enable(g.h.mounts[i], filepath.Dir(p.Dir))
		}
		if err != nil {
			return explain(err, p.Dir)
		}
	}
	return nil
}

// makeDir makes a group's directory in one hierarchy, parents included, and
// appends what it made. Another Create that fails may take an empty parent
// away between two steps, hence the few attempts.
func makeDir(m Place, dir string, made *[]string) error {
	parent := filepath.Dir(dir)
	var err error
	for try := 0; err == nil && try < 5; try++ {
		err = os.Mkdir(dir, 0o755)
		switch {
		case err == nil:
			*made = append(*made, dir)
			return inherit(m, dir, true)
		case errors.Is(err, fs.ErrNotExist):
			err = makeParents(m, parent, made)
		case errors.Is(err, fs.ErrExist):
			// A leftover without processes may carry old limits.
			err = unix.Rmdir(dir)
		}
	}
	if err == nil {
		err = unix.EBUSY
	}
	return err
}

func makeParents(m Place, dir string, made *[]string) error {
	if dir == m.Dir {
		return nil
	}
	if err := makeParents(m, filepath.Dir(dir), made); err != nil {
		return err
	}
	err := os.Mkdir(dir, 0o755)
	if err == nil {
		*made = append(*made, dir)
	} else if !errors.Is(err, fs.ErrExist) {
		return err
	}
	return inherit(m, dir, false)
}

// inherit fills a version 1 cpuset's empty cpus and mems from its parent;
// until then no process may enter. A fresh one is empty without a look.
func inherit(m Place, dir string, fresh bool) error {
	if m.Unified || !m.has("cpuset") {
		return nil
	}
	for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
		_, err := filled(m.Dir, dir, name, fresh)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // mounted with noprefix
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// filled gives what a file holds, once it holds something. The parent may have been
// made by another Create a moment ago, and still be empty, too.
func filled(root, dir, name string, fresh bool) (string, error) {
	file := filepath.Join(dir, name)
	if !fresh {
		have, err := get(file)
		if have = strings.TrimSpace(have); err != nil || have != "" || dir == root {
			return have, err
		}
	}
	up, err := filled(root, filepath.Dir(dir), name, false)
	if err != nil {
		return "", err
	}
	return up, put(file, up)
}

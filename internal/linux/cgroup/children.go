//go:build linux

package cgroup

import (
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// Children are the names of the groups below one, in any hierarchy, sorted. A group
// that is not there has none.
func (g *Group) Children() []string {
	var names []string
	for _, p := range g.places {
		entries, err := os.ReadDir(p.Dir)
		if err != nil {
			continue // not in this hierarchy
		}
		for _, e := range entries {
			if e.IsDir() {
				names = append(names, e.Name())
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// RemoveEmpty removes the group unless a process or a group is in it. It reports
// whether it is gone: what is in use stays.
func (g *Group) RemoveEmpty() bool {
	left := false
	for _, p := range g.places {
		if err := unix.Rmdir(p.Dir); err != nil && !gone(err) {
			left = true
		}
	}
	return !left
}

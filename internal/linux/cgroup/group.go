package cgroup

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// Group is one control group: a directory in every hierarchy. It keeps
// nothing open and may be used from many goroutines.
type Group struct {
	h      Hierarchy
	path   string
	places []Place
}

// Open finds a group that Create made earlier, perhaps in another life of
// this program. The error is fault.NotFound when no hierarchy has it.
func (h Hierarchy) Open(name string) (*Group, error) {
	g, err := h.at(name)
	if err != nil {
		return nil, err
	}
	found := false
	g.places = slices.DeleteFunc(g.places, func(p Place) bool {
		if found && !h.spare(p) {
			return false // one look is enough for what is made together
		}
		_, err := os.Stat(p.Dir)
		found = found || err == nil
		return err != nil && h.spare(p)
	})
	if !found {
		return nil, fault.New(fault.NotFound, "There is no control group %s.", g.path)
	}
	return g, nil
}

// OpenBelow is Open for a group that was made inside another, by whoever. Where it was made
// in some hierarchies only, as a container does that sees no others, it is its outer group in
// those that can be spared.
func (h Hierarchy) OpenBelow(outer, below string) (*Group, error) {
	whole, err := h.Open(outer)
	if err != nil {
		return nil, err
	}
	name := path.Join(outer, path.Join("/", below))
	g, err := h.Open(name)
	if err != nil || name == whole.path {
		return g, err
	}
	for _, p := range whole.places {
		inner := filepath.Join(strings.TrimSuffix(p.Dir, whole.path), g.path)
		if h.spare(p) && !slices.ContainsFunc(g.places, func(q Place) bool { return q.Dir == inner }) {
			g.places = append(g.places, p)
		}
	}
	return g, nil
}

// at names the directories of a group without touching them.
func (h Hierarchy) at(name string) (*Group, error) {
	if !path.IsAbs(name) || path.Clean(name) == "/" || strings.Contains(name, "..") || strings.ContainsAny(name, "\x00\n") {
		return nil, fault.New(fault.Invalid, "%q is not a path for a control group.", name)
	}
	if len(h.mounts) == 0 {
		return nil, fault.New(fault.Unavailable, "No cgroup file system is mounted on this host.")
	}
	g := &Group{h: h, path: path.Clean(name)}
	for _, p := range h.mounts {
		p.Dir = filepath.Join(p.Dir, g.path)
		g.places = append(g.places, p)
	}
	return g, nil
}

// spare reports whether a group can do without a place: on version 1 without
// named hierarchies and without the version 2 tree, which limit nothing by themselves. Groups that
// were made before the host had them, or by others, are not in them.
func (h Hierarchy) spare(p Place) bool {
	return h.version == V1 && (p.Unified || len(p.Controllers) == 0)
}

// Path is the group's path below the hierarchies' roots.
func (g *Group) Path() string { return g.path }

// Places are the group's directories.
func (g *Group) Places() []Place { return slices.Clone(g.places) }

// place is where a controller acts. On version 2 that is the one directory.
func (g *Group) place(controller string) (Place, bool) {
	for _, p := range g.places {
		if g.h.version == V2 || p.limits(controller) {
			return p, true
		}
	}
	return Place{}, false
}

// Place is where a controller of the group acts, by its name in that place's version
// ("blkio", "io"). It is false when the host does not have the controller.
func (g *Group) Place(controller string) (Place, bool) {
	p, ok := g.place(controller)
	return p, ok && p.limits(controller)
}

// Tree is the group in the version 2 tree. It is false where there is none.
func (g *Group) Tree() (Place, bool) { return unified(g.places) }

// explain gives a file error a kind.
func explain(err error, name string) error {
	kind := fault.Internal
	switch {
	case errors.Is(err, unix.EBUSY), errors.Is(err, unix.ENOTEMPTY):
		kind = fault.Conflict
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ERANGE), errors.Is(err, unix.ENODEV):
		kind = fault.Invalid
	case errors.Is(err, fs.ErrNotExist):
		kind = fault.NotFound
	}
	return fault.Wrap(kind, err, "The control group failed at %s", name)
}

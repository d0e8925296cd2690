package cgroup

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// Group is one control group: a directory in every hierarchy. It keeps
// nothing open and may be used from many goroutines.
type Group struct {
	h      Hierarchy
	path   string
	places []place
}

// Create makes the group at an absolute path below the hierarchies' roots
// ("/berth/<id>") with its limits; r may be nil. On failure nothing of it is
// left. Errors: fault.Invalid for a value that the kernel does not take,
// fault.Unsupported for a limit whose controller is not there,
// fault.Conflict when the group exists and is in use.
func (h Hierarchy) Create(name string, r *specs.LinuxResources) (*Group, error) {
	g, err := h.at(name)
	if err != nil {
		return nil, err
	}
	// Planning comes first, so that a senseless request touches nothing.
	todo, err := plan(h.version, r)
	if err != nil {
		return nil, err
	}
	var made []string
	undo := func() {
		for i := len(made) - 1; i >= 0; i-- {
			os.Remove(made[i]) // a parent that others use now stays
		}
	}
	for i, p := range g.places {
		if err := makeDir(h.mounts[i], p.dir, &made); err != nil {
			undo()
			return nil, explain(err, p.dir)
		}
	}
	if err = g.write(todo); err == nil && r != nil {
		err = g.setDevices(r.Devices)
	}
	if err != nil {
		undo()
		return nil, err
	}
	return g, nil
}

// Open finds a group that Create made earlier, perhaps in another life of
// this program. The error is fault.NotFound when no hierarchy has it.
func (h Hierarchy) Open(name string) (*Group, error) {
	g, err := h.at(name)
	if err != nil {
		return nil, err
	}
	for _, p := range g.places {
		if _, err := os.Stat(p.dir); err == nil {
			return g, nil
		}
	}
	return nil, fault.New(fault.NotFound, "There is no control group %s.", g.path)
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
	for _, m := range h.mounts {
		g.places = append(g.places, place{dir: filepath.Join(m.dir, g.path), controllers: m.controllers, unified: m.unified})
	}
	return g, nil
}

// Path is the group's path below the hierarchies' roots.
func (g *Group) Path() string { return g.path }

// JoinFiles are the files that a child writes "0" to on version 1, to enter
// the group: its own `tasks` needs no RCU grace period, cgroup.procs does.
// On version 2 there are none (see Open).
func (g *Group) JoinFiles() []string {
	if g.h.version == V2 {
		return nil
	}
	var out []string
	for _, p := range g.places {
		out = append(out, filepath.Join(p.dir, "tasks"))
	}
	return out
}

// Open opens a version 2 group's directory for clone3(2)'s CLONE_INTO_CGROUP.
// On version 1 it gives nil. The caller closes it.
func (g *Group) Open() (*os.File, error) {
	if g.h.version == V1 {
		return nil, nil
	}
	f, err := os.OpenFile(g.places[0].dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, explain(err, g.places[0].dir)
	}
	return f, nil
}

// OpenBeside is Open for a further process of a group that pid is the first of.
// A group that hands controllers down to groups of its own, as a daemon inside
// a container makes it do, can hold no processes (cgroups(7), "no internal
// processes"): there it opens the group that pid is in.
func (g *Group) OpenBeside(pid int) (*os.File, error) {
	if g.h.version == V1 {
		return nil, nil
	}
	down, err := os.ReadFile(filepath.Join(g.places[0].dir, "cgroup.subtree_control"))
	if err != nil || len(strings.TrimSpace(string(down))) == 0 {
		return g.Open()
	}
	in, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err != nil {
		return g.Open()
	}
	name := strings.TrimSuffix(strings.TrimPrefix(string(in), "0::"), "\n")
	below, ok := strings.CutPrefix(name, g.path+"/")
	if !ok {
		return g.Open()
	}
	beside := *g
	beside.places = []place{{dir: filepath.Join(g.places[0].dir, below), unified: true}}
	return beside.Open()
}

// makeDir makes a group's directory in one hierarchy, parents included, and
// appends what it made. Another Create that fails may take an empty parent
// away between two steps, hence the few attempts.
func makeDir(m place, dir string, made *[]string) error {
	parent := filepath.Dir(dir)
	var err error
	if m.unified {
		err = enable(m, parent)
	}
	for try := 0; err == nil && try < 5; try++ {
		err = os.Mkdir(dir, 0o755)
		switch {
		case err == nil:
			*made = append(*made, dir)
			return inherit(m, dir)
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

func makeParents(m place, dir string, made *[]string) error {
	if dir == m.dir {
		return enableOne(m, dir)
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
	if err := inherit(m, dir); err != nil {
		return err
	}
	return enableOne(m, dir)
}

// inherit fills a version 1 cpuset's empty cpus and mems from its parent;
// until then no process may enter.
func inherit(m place, dir string) error {
	if m.unified || !m.has("cpuset") || dir == m.dir {
		return nil
	}
	// The parent may have been made by another Create a moment ago, and still be empty.
	if err := inherit(m, filepath.Dir(dir)); err != nil {
		return err
	}
	for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
		file := filepath.Join(dir, name)
		have, err := os.ReadFile(file)
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // mounted with noprefix
			}
			return err
		}
		if strings.TrimSpace(string(have)) != "" {
			continue
		}
		up, err := os.ReadFile(filepath.Join(filepath.Dir(dir), name))
		if err != nil {
			return err
		}
		if err := put(file, strings.TrimSpace(string(up))); err != nil {
			return err
		}
	}
	return nil
}

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

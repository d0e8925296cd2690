package cgroup

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// Update changes the limits that r names and leaves the others; devices too
// when r lists any. It is not undone when a later value is refused. Errors as for Create.
func (g *Group) Update(r *specs.LinuxResources) error {
	todo, err := plan(g.h.version, r)
	if err != nil || r == nil {
		return err
	}
	if err := g.write(g.raise(todo)); err != nil {
		return err
	}
	if len(r.Devices) == 0 {
		return nil
	}
	return g.setDevices(r.Devices)
}

// raise puts version 1's limit on memory and swap before that on memory when
// it grows: the kernel keeps the first at least as high as the second at all times.
func (g *Group) raise(todo steps) steps {
	const limit, both = "memory.limit_in_bytes", "memory.memsw.limit_in_bytes"
	for i := 1; i < len(todo); i++ {
		if todo[i-1].file != limit || todo[i].file != both {
			continue
		}
		now, err := g.number("memory", limit)
		want, _ := strconv.ParseInt(todo[i].value, 10, 64)
		if err == nil && (want == -1 || now < uint64(want)) {
			todo[i-1], todo[i] = todo[i], todo[i-1]
		}
		return todo
	}
	return todo
}

// write puts the values where they belong.
func (g *Group) write(todo steps) error {
	for _, s := range todo {
		p, ok := g.place(s.controller)
		if !ok {
			return fault.New(fault.Unsupported, "This host has no %s controller, so %s cannot be set.", s.controller, s.file)
		}
		err := put(filepath.Join(p.dir, s.file), s.value)
		switch {
		case err == nil:
		case errors.Is(err, fs.ErrNotExist) && s.optional:
		case errors.Is(err, fs.ErrNotExist):
			return fault.New(fault.Unsupported, "This host's kernel has no %s for the control group %s.", s.file, g.path)
		default:
			return explain(err, s.file+" = "+s.value)
		}
	}
	return nil
}

// place is where a controller acts. On version 2 that is the one directory.
func (g *Group) place(controller string) (place, bool) {
	for _, p := range g.places {
		if g.h.version == V2 || p.has(controller) {
			return p, true
		}
	}
	return place{}, false
}

// put writes a cgroup file: in one call, and never making it.
func put(file, value string) error {
	fd, err := unix.Open(file, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: file, Err: err}
	}
	defer unix.Close(fd)
	for {
		_, err = unix.Write(fd, []byte(value))
		if err == nil {
			return nil
		}
		if err != unix.EINTR {
			return &os.PathError{Op: "write", Path: file, Err: err}
		}
	}
}

// read reads a file of the group. Without the controller the error is fault.Unsupported.
func (g *Group) read(controller, file string) (string, error) {
	p, ok := g.place(controller)
	if !ok {
		return "", fault.New(fault.Unsupported, "This host has no %s controller.", controller)
	}
	b, err := os.ReadFile(filepath.Join(p.dir, file))
	if err != nil {
		return "", explain(err, file)
	}
	return string(b), nil
}

// number reads a file with one number; "max" is the largest.
func (g *Group) number(controller, file string) (uint64, error) {
	text, err := g.read(controller, file)
	if err != nil {
		return 0, err
	}
	text = strings.TrimSpace(text)
	if text == "max" {
		return ^uint64(0), nil
	}
	v, err := strconv.ParseUint(text, 10, 64)
	return v, fault.Wrap(fault.Internal, err, "The control group's %s is not a number", file)
}

// keyed reads one number from a file of "key number" lines; 0 when the key is
// not there.
func (g *Group) keyed(controller, file, key string) (uint64, error) {
	text, err := g.read(controller, file)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == key {
			v, err := strconv.ParseUint(f[1], 10, 64)
			return v, fault.Wrap(fault.Internal, err, "The control group's %s is not a number", file)
		}
	}
	return 0, nil
}

// OOMKills counts the processes of the group that the kernel killed for want
// of memory. Without a memory controller the error is fault.Unsupported.
func (g *Group) OOMKills() (uint64, error) {
	if g.h.version == V2 {
		return g.keyed("memory", "memory.events", "oom_kill")
	}
	return g.keyed("memory", "memory.oom_control", "oom_kill")
}

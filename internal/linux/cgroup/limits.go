package cgroup

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// Update changes the limits that r names and leaves the others; devices too
// when r lists any. It is not undone when a later value is refused. Errors as for
// Create; fault.Conflict for a limit below what is in use.
func (g *Group) Update(r *specs.LinuxResources) error {
	c, err := g.Change(r)
	if err != nil {
		return err
	}
	return c.Write()
}

// Change is an update that has been decided and not been made.
type Change struct {
	g       *Group
	todo    steps
	devices []specs.LinuxDeviceCgroup
}

// Change decides an update by what the group's limits are now. Errors as for Update.
func (g *Group) Change(r *specs.LinuxResources) (*Change, error) {
	todo, err := (&planner{on: g.h.on, now: writer{g}.holds}).plan(r)
	if err != nil {
		return nil, err
	}
	c := &Change{g: g, todo: todo}
	if r != nil {
		c.devices = r.Devices
	}
	return c, nil
}

// Values are what Write writes, devices apart.
func (c *Change) Values() []Value { return c.todo.values() }

// Write makes the update. Errors as for Update.
func (c *Change) Write() error {
	err := write(c.g, c.todo)
	if err == nil && len(c.devices) > 0 {
		err = c.g.setDevices(c.devices)
	}
	return err
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

// get reads a cgroup file. They cannot be waited for, so that the runtime's poller
// need not know of them.
func get(file string) (string, error) {
	fd, err := unix.Open(file, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", &os.PathError{Op: "open", Path: file, Err: err}
	}
	defer unix.Close(fd)
	var text []byte
	buf := make([]byte, 4096)
	for {
		n, err := unix.Read(fd, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return "", &os.PathError{Op: "read", Path: file, Err: err}
		}
		if text = append(text, buf[:n]...); n == 0 {
			return string(text), nil
		}
	}
}

func (p Place) read(file string) (string, error) {
	text, err := get(filepath.Join(p.Dir, file))
	if err != nil {
		return "", explain(err, file)
	}
	return text, nil
}

// keyed reads one number from a file of "key number" lines; 0 when the key is
// not there.
func (p Place) keyed(file, key string) (uint64, error) {
	text, err := p.read(file)
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
	p, ok := g.place("memory")
	if !ok {
		return 0, fault.New(fault.Unsupported, "This host has no memory controller.")
	}
	if p.Unified {
		return p.keyed("memory.events", "oom_kill")
	}
	return p.keyed("memory.oom_control", "oom_kill")
}

package provision

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/container/record"
	"berth/internal/fault"
	"berth/internal/linux/mount"
	"berth/internal/linux/pidfd"
	"berth/internal/runtime"
)

// named is a descriptor that travels under a name.
type named struct {
	name string
	file *os.File
}

// join opens the PID and IPC namespaces that a container has in common with others.
func (h wiring) join(c record.Container, p *Prepared) error {
	if id, shared := strings.CutPrefix(c.HostConfig.PidMode, "container:"); shared {
		ns, _, err := h.namespaceOf(id, "pid", "PID")
		if err != nil {
			return err
		}
		p.joined, p.ours = append(p.joined, named{runtime.FdPidNS, ns}), append(p.ours, ns)
	}
	if id, shared := strings.CutPrefix(c.HostConfig.IpcMode, "container:"); shared {
		ns, other, err := h.namespaceOf(id, "ipc", "IPC")
		if err != nil {
			return err
		}
		p.joined, p.ours = append(p.joined, named{runtime.FdIPCNS, ns}), append(p.ours, ns)
		if mode := other.HostConfig.IpcMode; mode != "shareable" && mode != "host" && !strings.HasPrefix(mode, "container:") {
			return fault.New(fault.Invalid, "can't join IPC of container %s: non-shareable IPC (hint: use IpcMode:shareable for the donor container)", other.ID)
		}
	}
	return nil
}

// namespaceOf opens a namespace of another container, which has to run.
func (h wiring) namespaceOf(id, kind, what string) (*os.File, record.Container, error) {
	other, run, err := h.find(id)
	if err != nil {
		return nil, other, err
	}
	if run == nil {
		return nil, other, fault.New(fault.Conflict, "cannot join %s of a non running container: container %s is not running", what, other.ID)
	}
	ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/%s", run.Pid, kind))
	if err != nil {
		return nil, other, fault.Wrap(fault.Conflict, err, "cannot join %s of container %s", what, other.ID)
	}
	if pidfd.Ended(run.Pidfd) { // the pid may have been another process's by then
		ns.Close()
		return nil, other, fault.New(fault.Conflict, "cannot join %s of a non running container: container %s is not running", what, other.ID)
	}
	return ns, other, nil
}

// special takes the source of a bind mount that no path leads to, or not safely: the shared memory of
// another container, and a part of a volume, where a link may lie. It is nil for other mounts.
func (h wiring) special(c record.Container, m specs.Mount) (*os.File, error) {
	wish := h.wish(c)
	if wish.SharedShm(m) {
		_, run, err := h.find(strings.TrimPrefix(c.HostConfig.IpcMode, "container:"))
		if err == nil && run == nil {
			err = fault.New(fault.Conflict, "the container whose shared memory this one has does not run any more")
		}
		if err != nil {
			return nil, err
		}
		return mount.TreeOf(run.Pidfd, m.Destination)
	}
	dir, below, err := wish.Within(m)
	if err != nil || below == "" {
		return nil, err
	}
	tree, err := mount.TreeIn(dir, below, slices.Contains(m.Options, "rbind"))
	return tree, fault.Wrap(fault.Invalid, err, "failed to mount the part %s of a volume", below)
}

// handOver opens the special sources for a program without a sandbox.
func (h wiring) handOver(c record.Container, p *Prepared, names *[]string) error {
	for i, m := range p.spec.Mounts {
		if m.Type != "bind" {
			continue
		}
		tree, err := h.special(c, m)
		if err != nil {
			return err
		}
		if tree != nil {
			p.ours = append(p.ours, tree)
			p.add(names, runtime.Tree(i), tree)
		}
	}
	return nil
}

// openTree takes a bind mount's source, as the program of a cold start does.
func (h wiring) openTree(c record.Container, m specs.Mount) (*os.File, error) {
	if tree, err := h.special(c, m); tree != nil || err != nil {
		return tree, err
	}
	flags := uint(unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC)
	if slices.Contains(m.Options, "rbind") {
		flags |= unix.AT_RECURSIVE
	}
	fd, err := unix.OpenTree(unix.AT_FDCWD, m.Source, flags)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), m.Source), nil
}

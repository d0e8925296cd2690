package provision

import (
	"os"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/container/record"
	"berth/internal/fault"
	"berth/internal/linux/mount"
	"berth/internal/runtime"
)

// special takes the source of a bind mount that no path leads to, or not safely: the shared memory of
// another container, an image, and a part of a volume, where a link may lie. It is nil for other mounts.
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
	if image, is := wish.Image(m); is {
		return h.Storage().image(c, image)
	}
	dir, below, err := wish.Within(m)
	if err != nil || below == "" {
		return nil, err
	}
	tree, err := mount.TreeIn(dir, below, slices.Contains(m.Options, "rbind"))
	return tree, inaccessible(err, path.Join(dir, below))
}

// inaccessible says in Docker's words that a part of a volume or an image is not there.
func inaccessible(err error, part string) error {
	return fault.Wrap(fault.KindOf(err), err, "cannot access path %s", part)
}

// handOver opens the sources that the program cannot open, for one without a sandbox.
func (h wiring) handOver(c record.Container, p *Prepared, names *[]string) error {
	for i, m := range p.spec.Mounts {
		if m.Type != "bind" {
			continue
		}
		tree, err := h.special(c, m)
		if tree == nil && err == nil {
			tree, err = mapped(m)
		}
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

// mapped takes a source whose owners are others in the container; nil for other mounts.
func mapped(m specs.Mount) (*os.File, error) {
	if len(m.UIDMappings)+len(m.GIDMappings) == 0 {
		return nil, nil
	}
	return mount.Mapped(m.Source, m.UIDMappings, m.GIDMappings, slices.Contains(m.Options, "rbind"), slices.Contains(m.Options, "ridmap"))
}

// openTree takes a bind mount's source, as the program of a cold start does.
func (h wiring) openTree(c record.Container, m specs.Mount) (*os.File, error) {
	tree, err := h.special(c, m)
	if tree == nil && err == nil {
		tree, err = mapped(m)
	}
	if tree != nil || err != nil {
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

//go:build linux

package rootfs

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"berth/internal/archive"
	"berth/internal/fault"
	"berth/internal/linux/mount"
)

// wholeDir is, in a container's layer, the copy of everything; while it is being made it has another name.
const (
	wholeDir = "/whole"
	partDir  = "/whole.part"
)

// Mount makes a container's file system, detached from the host's tree: of the image's layers, the top-most first, and the
// container's own, a directory with upper and work in it. A container that has once been copied stays a copy, whatever
// the driver is later. options are the kernel's overlay's.
func (d Driver) Mount(ctx context.Context, lowers []string, layer string, options []string) (*os.File, error) {
	if d != Copies && !copied(layer) {
		return d.overlay(lowers, layer, options)
	}
	if err := whole(ctx, lowers, layer); err != nil {
		return nil, err
	}
	return mount.TreeIn(layer, wholeDir, false)
}

// Layer is what a container has of its own.
func (d Driver) Layer(lowers []string, layer string) archive.Layer {
	if copied(layer) {
		return archive.Layer{Upper: layer + wholeDir, Lowers: lowers, Whole: true}
	}
	return archive.Layer{Upper: layer + "/upper", Lowers: lowers, Marked: d == Fuse}
}

// Dir is where a container's own files are.
func Dir(layer string) string {
	if copied(layer) {
		return layer + wholeDir
	}
	return layer + "/upper"
}

func copied(layer string) bool {
	_, err := os.Lstat(layer + wholeDir)
	return err == nil
}

// whole makes the copy unless it is there. It has its name when it is complete and on the disk: a daemon that is
// killed begins again.
func whole(ctx context.Context, lowers []string, layer string) (err error) {
	if copied(layer) {
		return nil
	}
	defer func() { err = fault.Wrap(fault.KindOf(err), err, "the image cannot be copied") }()
	if err := os.RemoveAll(layer + partDir); err != nil {
		return err
	}
	if err := os.Mkdir(layer+partDir, 0o755); err != nil {
		return err
	}
	into, err := os.OpenFile(layer+partDir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer into.Close()
	// What the container has in an overlay's upper directory belongs to it too.
	if err := archive.Merge(ctx, append([]string{layer + "/upper"}, lowers...), into); err != nil {
		return errors.Join(err, os.RemoveAll(layer+partDir))
	}
	if err := unix.Syncfs(int(into.Fd())); err != nil {
		return os.NewSyscallError("syncfs", err)
	}
	return os.Rename(layer+partDir, layer+wholeDir)
}

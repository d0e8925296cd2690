//go:build linux

package rootfs

import (
	"context"
	"errors"
	"os"
	"path"

	"golang.org/x/sys/unix"

	"berth/internal/archive"
	"berth/internal/fault"
	"berth/internal/linux/mount"
	"berth/internal/space"
)

// wholeDir is, in a container's layer, the copy of everything; while it is being made it has another name.
const (
	wholeDir = "/whole"
	partDir  = "/whole.part"
)

// Mount makes a container's file system, detached from the host's tree: of the image's layers, the top-most first, and the
// container's own, a directory with upper and work in it. A container that has once been copied stays a copy, whatever
// the driver is later. options are the kernel's overlay's. A layer with a size is at its place for as long as it is
// mounted from there: the kernel, or fuse-overlayfs, has it after that.
func (d Driver) Mount(ctx context.Context, lowers []string, layer string, options []string) (root *os.File, err error) {
	err = space.Within(layer, func() (err error) {
		if space.Imaged(layer) {
			if err := makeUpper(layer); err != nil {
				return err
			}
		}
		root, err = d.mount(ctx, lowers, layer, options)
		return err
	})
	return root, err
}

func (d Driver) mount(ctx context.Context, lowers []string, layer string, options []string) (*os.File, error) {
	if d != Copies && !copied(layer) {
		return d.overlay(lowers, layer, options)
	}
	if err := whole(ctx, lowers, layer); err != nil {
		return nil, err
	}
	tree, err := mount.TreeIn(layer, wholeDir, false)
	if err != nil {
		return nil, err
	}
	if err := mount.MakePrivate(tree); err != nil {
		tree.Close()
		return nil, err
	}
	return tree, nil
}

// Layer is what a container has of its own, and can be read until release is called.
func (d Driver) Layer(lowers []string, layer string) (_ archive.Layer, release func(), err error) {
	dir, release, err := Dir(layer)
	if err != nil {
		return archive.Layer{}, nil, err
	}
	if path.Base(dir) == path.Base(wholeDir) {
		return archive.Layer{Upper: dir, Lowers: lowers, Whole: true}, release, nil
	}
	return archive.Layer{Upper: dir, Lowers: lowers, Marked: d == Fuse}, release, nil
}

// Dir is where a container's own files are, until release is called.
func Dir(layer string) (dir string, release func(), err error) {
	o, err := space.Open(layer)
	if err != nil {
		return "", nil, err
	}
	if copied(o.Path) {
		return o.Path + wholeDir, o.Close, nil
	}
	if space.Imaged(layer) {
		err = makeUpper(o.Path)
	}
	return o.Path + "/upper", o.Close, err
}

// Place is where in its layer a container's own files are; false when they are not in the layer's file system, or under
// a quota of their own, so that nothing can be moved there or away.
func Place(layer string) (dir string, plain bool) {
	if copied(layer) {
		return layer + wholeDir, !space.Sized(layer)
	}
	return layer + "/upper", !space.Sized(layer)
}

// Make makes a container's layer. With a size, in bytes, it holds no more than that; 0 is none.
func Make(layer string, size int64) error {
	if err := os.Mkdir(layer, 0o710); err != nil {
		return err
	}
	if size > 0 {
		if err := space.Make(layer, size); err != nil {
			return err
		}
		if space.Imaged(layer) {
			return nil // the rest is made where the image is mounted
		}
	}
	return makeUpper(layer)
}

// makeUpper makes what an overlay needs in a layer, unless it is there. In an image it is made whenever that is mounted:
// so nobody has to wait until it is on the disk.
func makeUpper(layer string) error {
	for _, d := range []struct {
		name string
		mode os.FileMode
	}{{"/upper", 0o755}, {"/work", 0o711}} {
		if err := os.Mkdir(layer+d.name, d.mode); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	return nil
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

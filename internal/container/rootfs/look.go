//go:build linux

package rootfs

import (
	"context"
	"os"

	"berth/internal/linux/mount"
)

// Look makes a file system of an image's layers, the top-most first, detached, in which nobody can change
// anything: not even who may mount, for there is no writable layer, or it is thrown away with dir. dir has the
// directories upper and work, for the drivers that need some.
func (d Driver) Look(ctx context.Context, lowers []string, dir string) (tree *os.File, err error) {
	if d == Overlay {
		// The kernel wants two layers, and an image may have none.
		return mount.Overlay(append(lowers, dir+"/upper", dir+"/work")[:max(2, len(lowers))], "", "")
	}
	if tree, err = d.Mount(ctx, lowers, dir, nil); err != nil {
		return nil, err
	}
	if err := mount.MakeReadOnly(tree); err != nil {
		tree.Close()
		return nil, err
	}
	return tree, nil
}

package daemon

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"berth/internal/archive"
	"berth/internal/container/rootfs"
	"berth/internal/fault"
	"berth/internal/space"
)

// layerSize is what a container's own layer holds.
func (d *Daemon) layerSize(id string) (int64, error) {
	dir, release, err := rootfs.Dir(filepath.Join(d.cfg.DataRoot, "containers", id, "layer"))
	if err != nil {
		return 0, fault.Wrap(fault.Internal, ignoreGone(err), "the size of the container's layer cannot be found")
	}
	defer release()
	size, err := space.Size(context.Background(), dir)
	// The link that the engine has made there is nothing of the container's.
	if to, _ := os.Readlink(dir + archive.Mtab); to == archive.MtabTarget && size >= int64(len(to)) {
		size -= int64(len(to))
	}
	return size, fault.Wrap(fault.Internal, err, "the size of the container's layer cannot be found")
}

// ignoreGone passes over what a running container has just removed.
func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

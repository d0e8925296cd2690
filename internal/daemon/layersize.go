package daemon

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"berth/internal/container/rootfs"
	"berth/internal/fault"
)

// layerSize is what a container's own layer holds.
func (d *Daemon) layerSize(id string) (int64, error) {
	dir, release, err := rootfs.Dir(filepath.Join(d.cfg.DataRoot, "containers", id, "layer"))
	if err != nil {
		return 0, fault.Wrap(fault.Internal, ignoreGone(err), "the size of the container's layer cannot be found")
	}
	defer release()
	size, err := treeSize(context.Background(), dir)
	return size, fault.Wrap(fault.Internal, err, "the size of the container's layer cannot be found")
}

// treeSize adds up the files below a directory, in bytes as Docker counts them:
// directories are left out, and a file with several names counts once. Nothing
// leads out of the directory, whatever a container does in it meanwhile.
func treeSize(ctx context.Context, dir string) (sum int64, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return 0, ignoreGone(err)
	}
	defer root.Close()
	seen := map[uint64]bool{} // inodes
	err = fs.WalkDir(root.FS(), ".", func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return errors.Join(ignoreGone(err), ctx.Err())
		}
		info, err := e.Info()
		if err != nil {
			return ignoreGone(err)
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Nlink > 1 {
			if seen[st.Ino] {
				return nil
			}
			seen[st.Ino] = true
		}
		sum += info.Size()
		return nil
	})
	return sum, err
}

// ignoreGone passes over what a running container has just removed.
func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

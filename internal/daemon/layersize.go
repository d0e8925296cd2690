package daemon

import (
	"errors"
	"io/fs"
	"path/filepath"
	"syscall"

	"berth/internal/fault"
)

// layerSize adds up the files of a container's own layer, in bytes as Docker
// counts them: directories are left out, and a file with several names counts once.
func (d *Daemon) layerSize(id string) (int64, error) {
	var sum int64
	seen := map[uint64]bool{} // inodes
	err := filepath.WalkDir(filepath.Join(d.cfg.DataRoot, "containers", id, "layer", "upper"), func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return ignoreGone(err)
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
	return sum, fault.Wrap(fault.Internal, err, "the size of the container's layer cannot be found")
}

// ignoreGone passes over what a running container has just removed.
func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

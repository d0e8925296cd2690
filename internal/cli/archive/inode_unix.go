//go:build !windows

package archive

import (
	"io/fs"
	"syscall"
)

// inode names a file whatever its names are.
type inode struct{ device, number uint64 }

// inodeOf returns a file's inode, and whether it has several names.
func inodeOf(info fs.FileInfo) (inode, bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return inode{}, false
	}
	return inode{uint64(st.Dev), st.Ino}, st.Nlink > 1 //nolint:unconvert // the types differ between systems
}

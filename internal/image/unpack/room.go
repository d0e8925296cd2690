package unpack

import (
	"archive/tar"
	"fmt"

	"golang.org/x/sys/unix"
)

// largeFile is from where on it is worth asking whether there is room for a file.
const largeFile = 256 << 20

// room refuses a file that says it is larger than what is free, before anything is written of it: a header of a sparse
// file promises terabytes in some bytes.
func room(dir string, h *tar.Header) error {
	if h.Size < largeFile {
		return nil
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return err
	}
	if free := int64(st.Bavail) * st.Bsize; h.Size > free {
		return fmt.Errorf("%s has %d bytes, and %d are free: %w", quoted(h.Name), h.Size, free, unix.ENOSPC)
	}
	return nil
}

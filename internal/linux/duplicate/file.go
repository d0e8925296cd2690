//go:build linux

package duplicate

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// file copies a regular file.
func (c *copier) file(from, to *os.File, name, path string) error {
	// Should it be a fifo by now, this does not wait for who writes to it.
	source, err := open(from, name, unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		return err
	}
	defer source.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(source.Fd()), &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return errors.New("it is no file any more")
	}
	fd, err := unix.Openat(int(to.Fd()), name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	target := os.NewFile(uintptr(fd), name)
	if err = c.data(source, target, &st, path); err == nil {
		err = like(&st, source, target)
	}
	return errors.Join(err, target.Close()) // network file systems tell of a full disk when a file is closed
}

// data copies what a file holds.
func (c *copier) data(from, to *os.File, st *unix.Stat_t, path string) error {
	if st.Size == 0 || c.share(from, to, st, path) {
		return nil
	}
	if st.Blocks*512 >= st.Size {
		done, err := c.direct(from, to, st.Size)
		if err != nil {
			return err
		}
		return c.span(from, to, done, st.Size-done)
	}
	for at := int64(0); ; {
		begin, err := unix.Seek(int(from.Fd()), at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) { // nothing but a hole
			return unix.Ftruncate(int(to.Fd()), st.Size)
		}
		if err != nil {
			return err
		}
		if at, err = unix.Seek(int(from.Fd()), begin, unix.SEEK_HOLE); err != nil {
			return err
		}
		if err := c.span(from, to, begin, min(at, st.Size)-begin); err != nil {
			return err
		}
	}
}

// share lets two files have the same blocks.
func (c *copier) share(from, to *os.File, st *unix.Stat_t, path string) bool {
	if c.noShare.Load() {
		return false
	}
	if below := c.below(st, path); below != nil {
		defer below.Close()
		from = below
	}
	err := unix.IoctlFileClone(int(to.Fd()), int(from.Fd()))
	if errors.Is(err, unix.EXDEV) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.ENOSYS) {
		c.noShare.Store(true)
	}
	return err == nil // whatever it was: a copy then tells of it, if it cannot be made either
}

// below finds the file in a directory that the overlay is made of: there it has the inode number
// that the overlay shows, for its layers are on one file system.
func (c *copier) below(st *unix.Stat_t, path string) *os.File {
	for _, dir := range c.beneath {
		fd, err := unix.Openat2(int(dir.Fd()), path, &unix.OpenHow{
			Flags: unix.O_RDONLY | unix.O_NONBLOCK | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV,
		})
		if err != nil {
			continue
		}
		var own unix.Stat_t
		if err := unix.Fstat(fd, &own); err == nil && own.Ino == st.Ino && own.Mode == st.Mode && own.Size == st.Size && own.Ctim == st.Ctim {
			return os.NewFile(uintptr(fd), path)
		}
		unix.Close(fd)
	}
	return nil
}

// span copies a part of a file.
func (c *copier) span(from, to *os.File, begin, length int64) error {
	for length > 0 {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		n, err := c.some(from, to, begin, length)
		if err != nil {
			return err
		}
		if n == 0 {
			return io.ErrUnexpectedEOF
		}
		begin, length = begin+n, length-n
	}
	return nil
}

// chunk is how much is copied at a time, between looks at whether anybody still wants it.
const chunk = 16 << 20

// some copies the beginning of a part.
func (c *copier) some(from, to *os.File, begin, length int64) (int64, error) {
	length = min(length, chunk)
	if !c.noRange.Load() {
		in, out := begin, begin
		n, err := unix.CopyFileRange(int(from.Fd()), &in, int(to.Fd()), &out, int(length), 0)
		switch {
		case err == nil && n > 0:
			return int64(n), nil
		case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT), errors.Is(err, unix.EIO), errors.Is(err, unix.EFBIG):
			return 0, err
		case err != nil: // most of all EXDEV, out of an overlay
			c.noRange.Store(true)
		}
	}
	if _, err := unix.Seek(int(to.Fd()), begin, io.SeekStart); err != nil {
		return 0, err
	}
	in := begin
	n, err := unix.Sendfile(int(to.Fd()), int(from.Fd()), &in, int(length)) // one copy, where read and write are two
	return int64(n), err
}

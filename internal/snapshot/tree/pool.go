//go:build linux

package tree

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Pool keeps contents as files in a directory: as clones, which share their blocks with what they are
// of, where the file system can do that, and as copies elsewhere. It is a Store and a Placer.
type Pool struct {
	dir  *os.File
	next atomic.Int64
}

// NewPool keeps contents in an empty directory, which stays the caller's.
func NewPool(dir *os.File) *Pool { return &Pool{dir: dir} }

// Keep takes a file's content in as it is now.
func (p *Pool) Keep(ctx context.Context, f *os.File, size int64) (Ref, error) {
	name := strconv.FormatInt(p.next.Add(1), 36)
	fd, err := unix.Openat(int(p.dir.Fd()), name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return "", os.NewSyscallError("open", err)
	}
	to := os.NewFile(uintptr(fd), name)
	if size > 0 { // of an empty file there is nothing to clone
		err = unix.IoctlFileClone(fd, int(f.Fd()))
		if cannotClone(err) {
			err = copySparse(ctx, to, f)
		}
	}
	return Ref(name), errors.Join(err, to.Close())
}

// Place gives a content its name in a tree. It is not in the pool any more then.
func (p *Pool) Place(ref Ref, dir int, name string, _ int64) error {
	return os.NewSyscallError("rename", unix.Renameat2(int(p.dir.Fd()), string(ref), dir, name, unix.RENAME_NOREPLACE))
}

// cannotClone are the errors of file systems that have no clones, of files that have none (swap
// files, files without checksums on btrfs), and of two file systems (ioctl_ficlone(2)).
func cannotClone(err error) bool {
	for _, e := range []error{unix.EOPNOTSUPP, unix.ENOTTY, unix.EXDEV, unix.EINVAL, unix.ENOSYS, unix.ETXTBSY} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// Clones tells whether files in a directory can share their blocks with files below another.
func Clones(from, to *os.File) bool {
	var a, b unix.Stat_t
	if unix.Fstat(int(from.Fd()), &a) != nil || unix.Fstat(int(to.Fd()), &b) != nil {
		return false
	}
	if a.Dev != b.Dev && !onBtrfs(to) {
		return false
	}
	source, err := unnamed(to)
	if err != nil {
		return false
	}
	defer source.Close()
	clone, err := unnamed(to)
	if err != nil {
		return false
	}
	defer clone.Close()
	if _, err := source.Write(make([]byte, 4096)); err != nil {
		return false
	}
	return unix.IoctlFileClone(int(clone.Fd()), int(source.Fd())) == nil
}

// onBtrfs is for subvolumes, which have numbers of devices of their own.
func onBtrfs(dir *os.File) bool {
	var st unix.Statfs_t
	return unix.Fstatfs(int(dir.Fd()), &st) == nil && st.Type == unix.BTRFS_SUPER_MAGIC
}

func unnamed(dir *os.File) (*os.File, error) {
	fd, err := unix.Openat(int(dir.Fd()), ".", unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "unnamed"), nil
}

// copySparse copies a file's content, and leaves holes where it has them.
func copySparse(ctx context.Context, to, from *os.File) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(from.Fd()), &st); err != nil {
		return err
	}
	for at := int64(0); at < st.Size; {
		data, hole, err := nextData(from, at, st.Size)
		if err != nil || data == st.Size {
			at = st.Size
			if err != nil {
				return err
			}
			continue
		}
		if err := copyRange(ctx, to, from, data, hole); err != nil {
			return err
		}
		at = hole
	}
	return to.Truncate(st.Size)
}

// nextData is where the next data begins and ends; at the file's end there is none.
func nextData(f *os.File, at, size int64) (data, hole int64, err error) {
	data, err = unix.Seek(int(f.Fd()), at, unix.SEEK_DATA)
	switch {
	case errors.Is(err, unix.ENXIO):
		return size, size, nil
	case errors.Is(err, unix.EINVAL): // a file system without holes
		return at, size, nil
	case err != nil:
		return 0, 0, os.NewSyscallError("lseek", err)
	}
	hole, err = unix.Seek(int(f.Fd()), data, unix.SEEK_HOLE)
	return min(data, size), min(hole, size), os.NewSyscallError("lseek", err)
}

// step is how much is copied before it is asked whether anybody still wants it.
const step = 8 << 20

func copyRange(ctx context.Context, to, from *os.File, at, end int64) error {
	if _, err := to.Seek(at, io.SeekStart); err != nil {
		return err
	}
	if _, err := from.Seek(at, io.SeekStart); err != nil {
		return err
	}
	for at < end {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := io.CopyN(to, from, min(step, end-at))
		at += n
		if errors.Is(err, io.EOF) {
			return nil // it has become shorter meanwhile
		}
		if err != nil {
			return fmt.Errorf("its content cannot be copied: %w", err)
		}
	}
	return nil
}

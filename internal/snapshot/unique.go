//go:build linux

package snapshot

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/snapshot/tree"
)

// Unique is what of a snapshot's files nothing else has, in bytes: what would be free without it.
func (s *Service) Unique(ctx context.Context, sub Subject, ref string) (int64, error) {
	x, err := s.Get(sub, ref)
	if err != nil {
		return 0, err
	}
	wrap := func(err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return fault.New(fault.NotFound, "%s has no snapshot %s", sub.Title, ref)
		}
		return fault.Wrap(fault.KindOf(err), err, "the size of the snapshot %s cannot be found", ref)
	}
	if m, err := manifest(dir(sub.Home, x.ID)); m != nil || err != nil {
		if err != nil {
			return 0, wrap(err)
		}
		n, err := alone(sub.Home, m)
		return n, wrap(err)
	}
	n, err := unsharedBelow(ctx, dir(sub.Home, x.ID))
	return n, wrap(err)
}

// unsharedBelow is what the tree of a snapshot does not share with anything.
func unsharedBelow(ctx context.Context, snapshot string) (int64, error) {
	from, err := openDir(filepath.Join(snapshot, treeDir))
	if err != nil {
		return 0, err
	}
	defer from.Close()
	var c counter
	_, err = tree.NewReader(from, &c).Last(ctx)
	return c.bytes.Load(), err
}

// Usage is what all snapshots in a home take of the disk together, in bytes, as far as they do not share it with
// anything else.
func (s *Service) Usage(ctx context.Context, home string) (sum int64, err error) {
	list, err := s.List(home)
	if err != nil {
		return 0, err
	}
	for _, x := range list {
		m, err := manifest(dir(home, x.ID))
		if err == nil && m == nil {
			var n int64
			n, err = unsharedBelow(ctx, dir(home, x.ID))
			sum += n
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // it has just been removed
			return 0, fault.Wrap(fault.KindOf(err), err, "the size of the snapshots in %s cannot be found", home)
		}
	}
	pieces, err := filepath.Glob(filepath.Join(home, dirName, chunksDir, "[0-9a-f][0-9a-f]", "*"))
	for _, p := range pieces {
		if info, err := os.Lstat(p); err == nil {
			sum += info.Size()
		}
	}
	return sum, err
}

// counter is a store that keeps nothing and adds up what files do not share.
type counter struct{ bytes atomic.Int64 }

func (c *counter) Keep(_ context.Context, f *os.File, _ int64) (tree.Ref, error) {
	n, err := unshared(f)
	c.bytes.Add(n)
	return "", err
}

// What FS_IOC_FIEMAP gives and takes (linux/fiemap.h).
const (
	fsIocFiemap  = 0xc020660b
	extentLast   = 0x1
	extentShared = 0x2000
	extents      = 128 // a call
)

type fiemap struct {
	start, length          uint64
	flags, mapped, room, _ uint32
	extents                [extents]fiemapExtent
}

type fiemapExtent struct {
	logical, physical, length uint64
	_                         [2]uint64
	flags                     uint32
	_                         [3]uint32
}

// unshared is how many bytes of a file's blocks are its alone. A file system that does not know shares none.
func unshared(f *os.File) (sum int64, err error) {
	for m := (&fiemap{length: ^uint64(0), room: extents}); ; {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), fsIocFiemap, uintptr(unsafe.Pointer(m)))
		if errno == unix.EOPNOTSUPP || errno == unix.ENOTTY {
			var st unix.Stat_t
			err := unix.Fstat(int(f.Fd()), &st)
			return st.Blocks * 512, err
		}
		if errno != 0 {
			return 0, os.NewSyscallError("fiemap", errno)
		}
		for _, e := range m.extents[:m.mapped] {
			if e.flags&extentShared == 0 {
				sum += int64(e.length)
			}
			if e.flags&extentLast != 0 {
				return sum, nil
			}
			m.start = e.logical + e.length
		}
		if m.mapped == 0 {
			return sum, nil
		}
		m.length = ^uint64(0) - m.start
	}
}

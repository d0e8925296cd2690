//go:build linux

// Package project limits what is below a directory by project quotas (quotactl(2)): those of xfs mounted with
// prjquota and of ext4 that has the feature. A project is a number that files have, and that directories give to what
// is made in them.
package project

import (
	"errors"
	"math/rand/v2"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// fsxattr is struct fsxattr of linux/fs.h.
type fsxattr struct {
	Xflags, Extsize, Nextents, Projid, Cowextsize uint32
	_                                             [8]byte
}

// dqblk is struct if_dqblk of linux/quota.h; sizes are in blocks of a KiB, but for Curspace in bytes.
type dqblk struct {
	Bhardlimit, Bsoftlimit, Curspace, Ihardlimit, Isoftlimit, Curinodes, Btime, Itime uint64

	Valid uint32
	_     uint32
}

// statv is the beginning of struct fs_quota_statv of linux/dqblk_xfs.h.
type statv struct {
	Version int8
	_       uint8
	Flags   uint16
	_       [256]byte // the rest, and more
}

// The kernel's numbers (linux/fs.h, linux/quota.h, linux/dqblk_xfs.h).
const (
	fsGetXattr, fsSetXattr = 0x801c581f, 0x401c5820
	inherits               = 0x200 // FS_XFLAG_PROJINHERIT

	ofProjects            = 2
	getQuota, setQuota    = 0x800007, 0x800008
	getStat               = 'X'<<8 + 8
	statVersion, enforced = 1, 1 << 5 // FS_QUOTA_PDQ_ENFD
	limits                = 1         // QIF_BLIMITS
	block                 = 1024
)

// ErrNone says that a file system has no project quotas, or does not enforce them.
var ErrNone = errors.New("the file system has no project quotas")

// Limit bounds what a directory, which is empty, may come to hold, in bytes.
func Limit(dir string, size int64) (err error) {
	defer func() {
		if !errors.Is(err, ErrNone) {
			err = fault.Wrap(fault.Internal, err, "the quota of %s cannot be set", dir)
		}
	}()
	f, err := os.OpenFile(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	var s statv
	s.Version = statVersion
	if err := quotactl(f, getStat, 0, unsafe.Pointer(&s)); err != nil || s.Flags&enforced == 0 {
		return ErrNone
	}
	id, err := unused(f)
	if err != nil {
		return err
	}
	// The limit first: there is no moment at which something may be written without.
	q := dqblk{Bhardlimit: uint64(size+block-1) / block, Valid: limits}
	if err := quotactl(f, setQuota, id, unsafe.Pointer(&q)); err != nil {
		return os.NewSyscallError("Q_SETQUOTA", err)
	}
	return join(f, id)
}

// unused finds a project that has neither limits nor files.
func unused(f *os.File) (uint32, error) {
	for range 64 {
		id := 1<<30 | rand.Uint32()>>2 // far from those that people give
		var q dqblk
		switch err := quotactl(f, getQuota, id, unsafe.Pointer(&q)); {
		case errors.Is(err, unix.ENOENT), err == nil && q.Bhardlimit == 0 && q.Curspace == 0 && q.Curinodes == 0:
			return id, nil
		case err != nil:
			return 0, os.NewSyscallError("Q_GETQUOTA", err)
		}
	}
	return 0, errors.New("no project is unused")
}

// join makes a directory, and what will be made in it, files of a project.
func join(f *os.File, id uint32) error {
	x, err := attributes(f)
	if err != nil {
		return err
	}
	x.Projid, x.Xflags = id, x.Xflags|inherits
	if _, _, no := unix.Syscall(unix.SYS_IOCTL, f.Fd(), fsSetXattr, uintptr(unsafe.Pointer(&x))); no != 0 {
		return os.NewSyscallError("FS_IOC_FSSETXATTR", no)
	}
	return nil
}

func attributes(f *os.File) (x fsxattr, err error) {
	if _, _, no := unix.Syscall(unix.SYS_IOCTL, f.Fd(), fsGetXattr, uintptr(unsafe.Pointer(&x))); no != 0 {
		return x, os.NewSyscallError("FS_IOC_FSGETXATTR", no)
	}
	return x, nil
}

// Of is the project whose files are made in a directory; 0 is none.
func Of(dir string) uint32 {
	f, err := os.OpenFile(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return 0
	}
	defer f.Close()
	x, err := attributes(f)
	if err != nil || x.Xflags&inherits == 0 {
		return 0
	}
	return x.Projid
}

// Limited is the limit of a project in bytes; 0 is none.
func Limited(dir string, id uint32) (int64, error) {
	f, err := os.OpenFile(dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var q dqblk
	if err := quotactl(f, getQuota, id, unsafe.Pointer(&q)); err != nil && !errors.Is(err, unix.ENOENT) {
		return 0, os.NewSyscallError("Q_GETQUOTA", err)
	}
	return int64(q.Bhardlimit) * block, nil
}

// Unlimit takes the limit from a project whose files are gone. A directory of the same file system says which one.
func Unlimit(dir string, id uint32) error {
	f, err := os.OpenFile(dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	return os.NewSyscallError("Q_SETQUOTA", quotactl(f, setQuota, id, unsafe.Pointer(&dqblk{Valid: limits})))
}

// quotactl is quotactl_fd(2), of Linux 5.14: it wants no name of the device.
func quotactl(f *os.File, command int, id uint32, at unsafe.Pointer) error {
	_, _, no := unix.Syscall6(unix.SYS_QUOTACTL_FD, f.Fd(), uintptr(command<<8|ofProjects), uintptr(id), uintptr(at), 0, 0)
	if no != 0 {
		return no
	}
	return nil
}

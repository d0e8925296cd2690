//go:build linux

// Package tree makes detached mounts that only the host can make: a tmpfs that begins as
// a copy of what it covers.
package tree

import (
	"errors"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/linux/mount"
)

// CopyUp is a new tmpfs with a copy of what the container has in a place.
// options are the file system's own, as "size=1m".
func CopyUp(root *os.File, place string, options []string) (*os.File, error) {
	tmpfs, err := newTmpfs(options)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "The tmpfs of %s cannot be made", place)
	}
	from, err := mount.OpenIn(root, place, unix.O_RDONLY|unix.O_DIRECTORY)
	switch {
	case fault.Is(err, fault.NotFound):
		return tmpfs, nil // nothing to copy
	case err == nil:
		defer from.Close()
		if err = fill(tmpfs, from); err == nil {
			return tmpfs, nil
		}
	}
	tmpfs.Close()
	return nil, fault.Wrap(fault.Invalid, err, "%s cannot be copied to its tmpfs", place)
}

func newTmpfs(options []string) (*os.File, error) {
	fs, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fs)
	for _, o := range append([]string{"source=tmpfs"}, options...) {
		key, value, _ := strings.Cut(o, "=")
		if err := unix.FsconfigSetString(fs, key, value); err != nil {
			return nil, err
		}
	}
	if err := unix.FsconfigCreate(fs); err != nil {
		return nil, err
	}
	fd, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "tmpfs"), nil
}

// fill copies a directory to a new mount. What fsmount(2) gives is a place
// only; its directory has to be opened.
func fill(tmpfs, from *os.File) error {
	top, err := openAt(int(tmpfs.Fd()), ".", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer top.Close()
	return copyDir(from, top)
}

func openAt(dir int, name string, flags int) (*os.File, error) {
	fd, err := unix.Openat(dir, name, flags|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// copyDir copies what is in a directory, and the directory's own mode and
// owner. Every name is opened below what has been opened and no link is followed.
func copyDir(from, to *os.File) error {
	names, err := from.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := copyEntry(from, to, name); err != nil {
			return err
		}
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(from.Fd()), &st); err != nil {
		return err
	}
	return dress(to, &st)
}

func dress(f *os.File, st *unix.Stat_t) error {
	fd := int(f.Fd())
	times := []unix.Timeval{unix.NsecToTimeval(st.Atim.Nano()), unix.NsecToTimeval(st.Mtim.Nano())}
	return errors.Join(unix.Fchown(fd, int(st.Uid), int(st.Gid)), unix.Fchmod(fd, st.Mode&0o7777), unix.Futimes(fd, times))
}

func copyEntry(from, to *os.File, name string) error {
	var st unix.Stat_t
	if err := unix.Fstatat(int(from.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		if err := unix.Mkdirat(int(to.Fd()), name, 0o700); err != nil {
			return err
		}
		return both(from, to, name, false, copyDir)
	case unix.S_IFREG:
		return both(from, to, name, true, func(a, b *os.File) error {
			if _, err := io.Copy(b, a); err != nil {
				return err
			}
			return dress(b, &st)
		})
	case unix.S_IFLNK:
		target := make([]byte, unix.PathMax)
		n, err := unix.Readlinkat(int(from.Fd()), name, target)
		if err == nil {
			err = unix.Symlinkat(string(target[:n]), int(to.Fd()), name)
		}
		if err != nil {
			return err
		}
	default:
		if err := unix.Mknodat(int(to.Fd()), name, st.Mode, int(st.Rdev)); err != nil {
			return err
		}
		if err := unix.Fchmodat(int(to.Fd()), name, st.Mode&0o7777, 0); err != nil {
			return err
		}
	}
	return unix.Fchownat(int(to.Fd()), name, int(st.Uid), int(st.Gid), unix.AT_SYMLINK_NOFOLLOW)
}

// both opens a directory on both sides, or a file that is made on the other,
// and closes it again.
func both(from, to *os.File, name string, file bool, do func(a, b *os.File) error) error {
	flags, toFlags := unix.O_RDONLY|unix.O_DIRECTORY, unix.O_RDONLY|unix.O_DIRECTORY
	if file { // not waiting for a writer: it may be a fifo by now
		flags, toFlags = unix.O_RDONLY|unix.O_NONBLOCK, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL
	}
	a, err := openAt(int(from.Fd()), name, flags)
	if err != nil {
		return err
	}
	defer a.Close()
	b, err := openAt(int(to.Fd()), name, toFlags)
	if err != nil {
		return err
	}
	defer b.Close()
	return do(a, b)
}

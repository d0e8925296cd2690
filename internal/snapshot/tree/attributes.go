//go:build linux

package tree

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// fdPath names what a descriptor is for calls that take none; the kernel goes from there to
// the thing without looking at any name of it (proc_pid_fd(5)).
func fdPath(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

// xattrs are the extended attributes of what a descriptor is, in the order of their names.
func xattrs(fd int) ([]Xattr, error) {
	list, err := grow(func(buf []byte) (int, error) { return unix.Listxattr(fdPath(fd), buf) })
	if errors.Is(err, unix.ENOTSUP) {
		return nil, nil
	}
	if err != nil || len(list) == 0 {
		return nil, os.NewSyscallError("listxattr", err)
	}
	names := strings.Split(strings.TrimSuffix(string(list), "\x00"), "\x00")
	slices.Sort(names)
	var all []Xattr
	for _, name := range names {
		value, err := grow(func(buf []byte) (int, error) { return unix.Getxattr(fdPath(fd), name, buf) })
		if errors.Is(err, unix.ENODATA) {
			continue // removed since
		}
		if err != nil {
			return nil, fmt.Errorf("its attribute %s cannot be read: %w", name, err)
		}
		all = append(all, Xattr{name, value})
	}
	return all, nil
}

// grow calls read with a larger buffer until what there is fits.
func grow(read func([]byte) (int, error)) ([]byte, error) {
	for size := 256; ; size *= 4 {
		buf := make([]byte, size)
		n, err := read(buf)
		if errors.Is(err, unix.ERANGE) && size < 1<<20 {
			continue
		}
		return bytes.Clone(buf[:max(n, 0)]), err
	}
}

// link is what a symbolic link says.
func link(fd int) (string, error) {
	for size := 256; ; size *= 2 {
		buf := make([]byte, size)
		n, err := unix.Readlinkat(fd, "", buf)
		if err != nil || n < size {
			return string(buf[:max(n, 0)]), err
		}
	}
}

// adorn gives what has just been made, and what nobody else can reach yet, its owner, mode,
// attributes and times, in this order: an owner's change takes rights away, and everything sets times.
func adorn(dir int, name string, n *Node) error {
	if err := unix.Fchownat(dir, name, int(n.Stat.Uid), int(n.Stat.Gid), unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return os.NewSyscallError("chown", err)
	}
	if n.Kind() != unix.S_IFLNK {
		if err := unix.Fchmodat(dir, name, n.Stat.Mode&0o7777, 0); err != nil {
			return os.NewSyscallError("chmod", err)
		}
	}
	for _, x := range n.Xattrs {
		if err := unix.Lsetxattr(fdPath(dir)+"/"+name, x.Name, x.Value, 0); err != nil {
			return fmt.Errorf("its attribute %s cannot be kept: %w", x.Name, err)
		}
	}
	err := unix.UtimesNanoAt(dir, name, []unix.Timespec{n.Stat.Atim, n.Stat.Mtim}, unix.AT_SYMLINK_NOFOLLOW)
	return os.NewSyscallError("utimensat", err)
}

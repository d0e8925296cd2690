//go:build linux

package duplicate

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// like makes an open file or directory as another is. The order matters: a change of the owner
// takes capabilities and the set-user-ID bit away, an ACL sets bits of the mode, and whatever
// changes a file changes its times.
func like(st *unix.Stat_t, from, to *os.File) error {
	if err := unix.Fchown(int(to.Fd()), int(st.Uid), int(st.Gid)); err != nil {
		return err
	}
	if err := attributes(
		func(p []byte) (int, error) { return unix.Flistxattr(int(from.Fd()), p) },
		func(name string, p []byte) (int, error) { return unix.Fgetxattr(int(from.Fd()), name, p) },
		func(name string, p []byte) error { return unix.Fsetxattr(int(to.Fd()), name, p, 0) },
	); err != nil {
		return err
	}
	if err := unix.Fchmod(int(to.Fd()), st.Mode&0o7777); err != nil {
		return err
	}
	return unix.UtimesNanoAt(unix.AT_FDCWD, itself(to), []unix.Timespec{st.Atim, st.Mtim}, 0)
}

// likeName is like for what is not opened: links, fifos, sockets and devices.
func likeName(st *unix.Stat_t, from, to *os.File, name string) error {
	source, err := open(from, name, unix.O_PATH)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := open(to, name, unix.O_PATH)
	if err != nil {
		return err
	}
	defer target.Close()
	if err := unix.Fchownat(int(target.Fd()), "", int(st.Uid), int(st.Gid), unix.AT_EMPTY_PATH); err != nil {
		return err
	}
	old, fresh := itself(source), itself(target)
	if err := attributes(
		func(p []byte) (int, error) { return unix.Listxattr(old, p) },
		func(name string, p []byte) (int, error) { return unix.Getxattr(old, name, p) },
		func(name string, p []byte) error { return unix.Setxattr(fresh, name, p, 0) },
	); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFLNK { // whose mode means nothing
		if err := unix.Chmod(fresh, st.Mode&0o7777); err != nil {
			return err
		}
	}
	return unix.UtimesNanoAt(unix.AT_FDCWD, fresh, []unix.Timespec{st.Atim, st.Mtim}, 0)
}

// itself is a path of what a descriptor has opened, also when that is a symbolic link: the
// kernel goes to what is opened, and follows it no further.
func itself(f *os.File) string { return "/proc/self/fd/" + strconv.Itoa(int(f.Fd())) }

// attributes copies all extended attributes. A file system that knows none has none.
func attributes(list func([]byte) (int, error), get func(string, []byte) (int, error), set func(string, []byte) error) error {
	names, err := sized(list)
	if errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.ENOSYS) {
		return nil
	}
	if err != nil {
		return err
	}
	for name := range strings.SplitSeq(string(bytes.TrimRight(names, "\x00")), "\x00") {
		if name == "" {
			continue
		}
		value, err := sized(func(p []byte) (int, error) { return get(name, p) })
		if err == nil {
			err = set(name, value)
		}
		if err != nil {
			return &os.SyscallError{Syscall: "extended attribute " + name, Err: err}
		}
	}
	return nil
}

// sized calls what tells the size that it needs of a buffer when it is given none.
func sized(call func([]byte) (int, error)) ([]byte, error) {
	n, err := call(nil)
	if n <= 0 || err != nil {
		return nil, err
	}
	p := make([]byte, n)
	n, err = call(p)
	if err != nil {
		return nil, err
	}
	return p[:n], nil
}

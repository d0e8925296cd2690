//go:build linux

// Package mount makes detached mounts, which nobody sees until they are
// moved to a place, and opens files inside a root that is not trusted.
package mount

import (
	"os"
	"path"
	"strconv"
	"strings"

	securejoin "github.com/cyphar/filepath-securejoin"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// OpenIn opens a path inside root, which may be an O_PATH descriptor. Symbolic
// links and ".." lead no further than root, and magic links (/proc/self/fd)
// are refused: the image may be hostile. flags are open(2)'s; a file that it
// may make gets mode 0644. The error is NotFound when there is no such file.
func OpenIn(root *os.File, name string, flags int) (*os.File, error) {
	how := unix.OpenHow{Flags: uint64(flags | unix.O_CLOEXEC), Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	if flags&unix.O_CREAT != 0 {
		how.Mode = 0o644
	}
	fd, err := openat2(int(root.Fd()), name, &how)
	switch {
	case err == unix.ENOENT || err == unix.ENOTDIR:
		return nil, &fault.Error{Kind: fault.NotFound, Err: &os.PathError{Op: "open", Path: name, Err: err}}
	case err != nil:
		return nil, &fault.Error{Kind: fault.Invalid, Err: &os.PathError{Op: "open", Path: name, Err: err}}
	}
	return os.NewFile(uintptr(fd), path.Join("/", name)), nil
}

// openat2 tries again when the kernel says that a rename elsewhere may have
// let ".." escape (EAGAIN) or a signal came.
func openat2(dir int, name string, how *unix.OpenHow) (int, error) {
	for tries := 0; ; tries++ {
		fd, err := unix.Openat2(dir, name, how)
		if err == unix.EINTR || err == unix.EAGAIN && tries < 128 {
			continue
		}
		return fd, err
	}
}

// ResolveIn follows the symbolic links of a path inside root, also those that
// lead to nothing, and returns where it ends, absolute in the root. It is for
// the destinations of mounts in an image that nobody is changing: a program
// cannot read links, so it could not make what a dangling one
// (/etc/resolv.conf -> /run/systemd/resolve/stub-resolv.conf) points to.
func ResolveIn(root *os.File, name string) (string, error) {
	base := "/proc/self/fd/" + strconv.Itoa(int(root.Fd()))
	full, err := securejoin.SecureJoin(base, name)
	if err != nil {
		return "", fault.Wrap(fault.Invalid, err, "The path %s cannot be followed in the container", name)
	}
	return path.Join("/", strings.TrimPrefix(full, base)), nil
}

//go:build linux

// Package archive carries files between tar streams and directories that are not
// trusted: a container may be changing them while they are read or written.
//
// Every step goes from a descriptor to a name below it, or is an openat2(2) that
// cannot leave the root. No path is ever resolved among the host's files, and nothing that
// was looked at is opened again by its name: what a container swaps in between is found to be another thing
// (CVE-2018-15664), and no program or library of a container is loaded (CVE-2019-14271).
package archive

import (
	"errors"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/linux/mount"
)

// Resource is one thing in a root that a user has named.
type Resource struct {
	Name string // its last element as the user wrote it: "." of "/etc/.", "etc" of "/etc/", "/" of "/"
	dir  *os.File
	base string // below dir; "." for dir itself
}

// Locate finds what a path names in a root. Links on the way are followed within the root; the
// last element is not when it is a link, unless a slash or a dot follows it. The error is
// NotFound when there is no such thing, and Internal in other cases, as in Docker.
func Locate(root *os.File, name string) (*Resource, error) {
	abs := absolute(name)
	above, base := path.Split(abs)
	dir, err := mount.OpenIn(root, above, unix.O_PATH|unix.O_DIRECTORY)
	if errors.Is(err, unix.ELOOP) {
		return nil, circular(path.Clean(above))
	}
	if err != nil {
		return nil, told(err, "lstat", abs)
	}
	r := &Resource{Name: path.Base(abs), dir: dir, base: base}
	if base == "" {
		r.base = "."
	}
	n, err := openNode(int(dir.Fd()), r.base)
	if err != nil {
		dir.Close()
		return nil, told(err, "lstat", abs)
	}
	n.close()
	return r, nil
}

// Close lets go of what Locate has opened.
func (r *Resource) Close() { r.dir.Close() }

// absolute is a path from the root, of which a trailing slash or dot is kept: they
// say that a directory is meant, and "/." that its contents are.
func absolute(name string) string {
	abs := path.Join("/", name)
	last := name[strings.LastIndexByte(name, '/')+1:]
	switch {
	case last == "." && abs == "/":
		return "/."
	case last == ".":
		return abs + "/."
	case last == "" && name != "" && abs != "/":
		return abs + "/"
	}
	return abs
}

// told gives an error of the kernel the path that the user knows. Only what is missing
// itself is NotFound: something below a file is Docker's error of the system.
func told(err error, op, name string) error {
	var errno unix.Errno
	if !errors.As(err, &errno) {
		return err
	}
	kind := fault.Internal
	if errno == unix.ENOENT {
		kind = fault.NotFound
	}
	return fault.As(kind, &os.PathError{Op: op, Path: name, Err: errno})
}

// node is something that exists, whatever becomes of its name.
type node struct {
	fd int // O_PATH
	st unix.Stat_t
}

// openNode opens what a name in a directory is, and not what it links to.
func openNode(dir int, name string) (node, error) {
	fd, err := openat(dir, name, unix.O_PATH|unix.O_NOFOLLOW, 0)
	if err != nil {
		return node{}, err
	}
	n := node{fd: fd}
	if err := unix.Fstat(fd, &n.st); err != nil {
		unix.Close(fd)
		return node{}, err
	}
	return n, nil
}

func (n node) close() { unix.Close(n.fd) }

func (n node) kind() uint32 { return n.st.Mode & unix.S_IFMT }

// path names the node itself for calls that take no descriptor; the kernel goes from there
// to the node without looking at any name of it (proc_pid_fd(5)).
func (n node) path() string { return fdPath(n.fd) }

func fdPath(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

// link is what a symbolic link says.
func (n node) link() (string, error) {
	for size := 256; ; size *= 2 {
		buf := make([]byte, size)
		got, err := unix.Readlinkat(n.fd, "", buf)
		if err != nil || got < size {
			return string(buf[:max(got, 0)]), err
		}
	}
}

func openat(dir int, name string, flags int, mode uint32) (int, error) {
	for {
		fd, err := unix.Openat(dir, name, flags|unix.O_CLOEXEC, mode)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

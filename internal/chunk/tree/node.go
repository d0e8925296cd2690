//go:build linux

package tree

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// node is something that exists, whatever becomes of its name.
type node struct {
	fd int // O_PATH, or open
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

// path names the node for calls that take no descriptor; the kernel looks at no name
// of the node on the way (proc_pid_fd(5)).
func (n node) path() string { return "/proc/self/fd/" + strconv.Itoa(n.fd) }

func openat(dir int, name string, flags int, mode uint32) (int, error) {
	for {
		fd, err := unix.Openat(dir, name, flags|unix.O_CLOEXEC, mode)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

func kindOf(mode uint32) Kind {
	switch mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return Dir
	case unix.S_IFREG:
		return File
	case unix.S_IFLNK:
		return Symlink
	case unix.S_IFIFO:
		return Fifo
	case unix.S_IFSOCK:
		return Socket
	case unix.S_IFCHR:
		return Char
	}
	return Block
}

// entry is all that is known of a node but its contents.
func (n node) entry(name string, depth int) (Entry, error) {
	e := Entry{
		Name: name, Depth: depth, Kind: kindOf(n.st.Mode),
		Attr: Attr{Mode: n.st.Mode & 0o7777, UID: n.st.Uid, GID: n.st.Gid, Modified: timespec(n.st.Mtim)},
		Seen: seenOf(&n.st),
	}
	var err error
	switch e.Kind {
	case File:
		e.Size = n.st.Size
	case Char, Block:
		e.Device = n.st.Rdev
	case Symlink:
		e.Text, err = n.link()
	}
	if err == nil {
		e.Attr.Xattrs, err = n.xattrs()
	}
	return e, err
}

func seenOf(st *unix.Stat_t) Seen { return Seen{st.Ino, timespec(st.Ctim)} }

func timespec(t unix.Timespec) Time { return Time{int64(t.Sec), uint32(t.Nsec)} }

// link is what a symbolic link says.
func (n node) link() (string, error) {
	buf := make([]byte, maxText)
	got, err := unix.Readlinkat(n.fd, "", buf)
	return string(buf[:max(got, 0)]), err
}

// hosts reports whether an attribute is of the host's own policy.
func hosts(name string) bool {
	return name == "security.selinux" || name == "security.ima" || name == "security.evm"
}

// xattrs are the node's extended attributes, in the order of their names.
func (n node) xattrs() ([]Xattr, error) {
	path := n.path()
	names, err := grow(func(buf []byte) (int, error) { return unix.Listxattr(path, buf) })
	if err != nil || len(names) == 0 {
		return nil, err
	}
	var list []Xattr
	for name := range bytes.SplitSeq(bytes.TrimSuffix(names, []byte{0}), []byte{0}) {
		if hosts(string(name)) {
			continue
		}
		value, err := grow(func(buf []byte) (int, error) { return unix.Getxattr(path, string(name), buf) })
		if err != nil {
			return nil, err
		}
		list = append(list, Xattr{string(name), string(value)})
	}
	slices.SortFunc(list, func(a, b Xattr) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// grow calls with a buffer that is large enough. Nothing is what there is where there are no attributes.
func grow(call func(buf []byte) (int, error)) ([]byte, error) {
	var small [256]byte
	for buf := small[:]; ; buf = make([]byte, maxXattr) {
		got, err := call(buf)
		switch {
		case err == unix.ENOTSUP || err == unix.ENODATA:
			return nil, nil
		case err != unix.ERANGE || len(buf) == maxXattr:
			return slices.Clone(buf[:max(got, 0)]), err
		}
	}
}

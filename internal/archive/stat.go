//go:build linux

package archive

import (
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/linux/mount"
)

// Stat is what a client is told of a resource.
type Stat struct {
	Name       string
	Size       int64 // bytes
	Mode       fs.FileMode
	Mtime      time.Time
	LinkTarget string // absolute, with all links followed, as far as they lead; "" for what is no link
}

// Stat looks at what name, by which r was located, is.
func (r *Resource) Stat(root *os.File, name string) (Stat, error) {
	n, err := openNode(int(r.dir.Fd()), r.base)
	if err != nil {
		return Stat{}, told(err, "lstat", absolute(name))
	}
	defer n.close()
	s := Stat{Name: r.Name, Size: n.st.Size, Mode: fileMode(n.st.Mode), Mtime: time.Unix(n.st.Mtim.Unix())}
	if n.kind() == unix.S_IFLNK {
		s.LinkTarget, err = follow(root, absolute(name))
	}
	return s, err
}

// fileMode is a mode of the kernel as Go, and so Docker's API, writes it.
func fileMode(mode uint32) fs.FileMode {
	m := fs.FileMode(mode & 0o777)
	switch mode & unix.S_IFMT {
	case unix.S_IFDIR:
		m |= fs.ModeDir
	case unix.S_IFLNK:
		m |= fs.ModeSymlink
	case unix.S_IFIFO:
		m |= fs.ModeNamedPipe
	case unix.S_IFSOCK:
		m |= fs.ModeSocket
	case unix.S_IFBLK:
		m |= fs.ModeDevice
	case unix.S_IFCHR:
		m |= fs.ModeDevice | fs.ModeCharDevice
	}
	for bit, is := range map[uint32]fs.FileMode{unix.S_ISUID: fs.ModeSetuid, unix.S_ISGID: fs.ModeSetgid, unix.S_ISVTX: fs.ModeSticky} {
		if mode&bit != 0 {
			m |= is
		}
	}
	return m
}

// linkLimit is how many links a path may lead through (path_resolution(7)).
const linkLimit = 40

// follow tells where a path ends when all its links are followed in the root, also
// those that lead to nothing. Each step is looked at by a descriptor in the root: a container that changes
// its links meanwhile makes the answer wrong, and no more than that.
func follow(root *os.File, name string) (string, error) {
	at, rest := "/", name
	for links := 0; rest != ""; {
		var step string
		step, rest, _ = strings.Cut(strings.TrimLeft(rest, "/"), "/")
		next := path.Join(at, step)
		to, err := readLink(root, at, step)
		if err != nil {
			return "", told(err, "readlink", next)
		}
		if to == "" {
			at = next
			continue
		}
		if links++; links > linkLimit {
			return "", circular(name)
		}
		if path.IsAbs(to) {
			at = "/"
		}
		rest = to + "/" + rest
	}
	return at, nil
}

// circular says in Docker's words that links lead round in a circle.
func circular(name string) error {
	return fault.New(fault.Internal, "evalSymlinksInScope: too many links in %s", name)
}

// readLink is what a link says; "" when the name is another thing, or nothing.
func readLink(root *os.File, dir, name string) (string, error) {
	if name == "" || name == "." || name == ".." {
		return "", nil
	}
	d, err := mount.OpenIn(root, dir, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return "", missing(err)
	}
	defer d.Close()
	n, err := openNode(int(d.Fd()), name)
	if err != nil {
		return "", missing(err)
	}
	defer n.close()
	if n.kind() != unix.S_IFLNK {
		return "", nil
	}
	return n.link()
}

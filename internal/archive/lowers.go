//go:build linux

package archive

import (
	"os"

	"golang.org/x/sys/unix"
)

// Layer is a container's own layer: an overlay's upper directory and the directories of
// the image below it, the top-most first. The image's are trusted not to change, and
// neither is trusted to be without links: names are only looked up one at a time.
type Layer struct {
	Upper  string
	Lowers []string
	Whole  bool // Upper is a copy of everything (see Merge), in which what is missing was deleted
	Marked bool // fuse-overlayfs has written Upper: it marks opaque directories by files in them
}

// lowers is one directory as the image has it: a descriptor of each layer that has a part in it.
type lowers []int

// openLowers opens the roots of an image's layers.
func openLowers(dirs []string) (lowers, error) {
	var l lowers
	for _, dir := range dirs {
		fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			l.close()
			return nil, &os.PathError{Op: "open", Path: dir, Err: err}
		}
		l = append(l, fd)
	}
	return l, nil
}

func (l lowers) close() {
	for _, fd := range l {
		unix.Close(fd)
	}
}

// find is what a name is in the image; found is false for what is not there, or was deleted.
func (l lowers) find(name string) (n node, found bool, err error) {
	for _, fd := range l {
		n, err := openNode(fd, name)
		if missing(err) != nil {
			return node{}, false, err
		}
		if err != nil {
			continue
		}
		if n.whiteout() {
			n.close()
			return node{}, false, nil
		}
		return n, true, nil
	}
	return node{}, false, nil
}

// down is a directory in this one: those layers' that have a part in it.
func (l lowers) down(name string) (below lowers, err error) {
	defer func() {
		if err != nil {
			below.close()
			below = nil
		}
	}()
	for _, fd := range l {
		n, err := openNode(fd, name)
		if missing(err) != nil {
			return below, err
		}
		if err != nil {
			continue
		}
		if n.kind() != unix.S_IFDIR {
			n.close()
			return below, nil
		}
		below = append(below, n.fd)
		if opaque, err := n.opaque(); err != nil || opaque {
			return below, err
		}
	}
	return below, nil
}

// names are the names that there are in the directory.
func (l lowers) names() (map[string]bool, error) {
	there := map[string]bool{}
	for _, fd := range l {
		names, err := readNames(fd)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if _, seen := there[name]; seen {
				continue
			}
			n, err := openNode(fd, name)
			if err != nil {
				return nil, err
			}
			there[name] = !n.whiteout()
			n.close()
		}
	}
	return there, nil
}

// whiteout reports an overlay's mark of what was deleted (overlayfs.rst, "whiteouts").
func (n node) whiteout() bool { return n.kind() == unix.S_IFCHR && n.st.Rdev == 0 }

// opaque reports a directory that hides what the layers below it have.
func (n node) opaque() (bool, error) {
	mark, err := n.xattr("trusted.overlay.opaque")
	return mark == "y", err
}

// fuseMark reports a file by which fuse-overlayfs says that the directory around it is opaque, beside the attribute.
func fuseMark(base string) bool { return base == opaqueMark || base == ".wh..opq" }

// readNames are the names in a directory, which may be an O_PATH descriptor.
func readNames(dir int) ([]string, error) {
	fd, err := openat(dir, ".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	d := os.NewFile(uintptr(fd), "directory")
	defer d.Close()
	return d.Readdirnames(-1)
}

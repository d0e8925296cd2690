//go:build linux

package archive

import (
	"path"

	"golang.org/x/sys/unix"
)

// Mtab is the link that every container has to its table of mounts.
const (
	Mtab       = "/etc/mtab"
	MtabTarget = "/proc/mounts"
)

// initial is the kind of what the engine makes in every container for its own mounts, 0 for
// other names. Docker has them in a layer of their own, between image and container; here the start makes
// those that are missing. So they are no changes, and belong to no committed layer.
func initial(name string) uint32 {
	switch name {
	case "/dev", "/dev/pts", "/dev/shm", "/etc", "/proc", "/sys":
		return unix.S_IFDIR
	case "/.dockerenv", "/dev/console", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf":
		return unix.S_IFREG
	case Mtab:
		return unix.S_IFLNK
	}
	return 0
}

// initials are their names, each after what it is in.
func initials() []string {
	return []string{"/.dockerenv", "/dev", "/dev/console", "/dev/pts", "/dev/shm", "/etc", "/etc/hostname", "/etc/hosts", Mtab, "/etc/resolv.conf", "/proc", "/sys"}
}

// pristine reports that something is as the engine has made it.
func pristine(n node, name string) bool {
	kind := initial(name)
	return kind != 0 && kind == n.kind() && (kind != unix.S_IFREG || n.st.Size == 0)
}

// untouched reports that what the layer has under a name, with all below it, is only what the engine
// has made there.
func (l lowers) untouched(n node, name string) (bool, error) {
	if !pristine(n, name) {
		return false, nil
	}
	old, found, err := l.find(path.Base(name))
	if err != nil {
		return false, err
	}
	if found {
		defer old.close()
		if n.kind() != unix.S_IFDIR || differs(old, n) {
			return false, nil // the container has written to what the image has
		}
	}
	if n.kind() != unix.S_IFDIR {
		return true, nil
	}
	return l.emptyBut(n, name)
}

// emptyBut reports that a directory holds only what the engine has made.
func (l lowers) emptyBut(n node, name string) (bool, error) {
	if opaque, err := n.opaque(); opaque || err != nil {
		return false, err
	}
	below, err := l.down(path.Base(name))
	if err != nil {
		return false, err
	}
	defer below.close()
	names, err := readNames(n.fd)
	if err != nil {
		return false, missing(err)
	}
	for _, child := range names {
		c, err := openNode(n.fd, child)
		if err != nil {
			return false, missing(err)
		}
		same, err := below.untouched(c, path.Join(name, child))
		c.close()
		if !same || err != nil {
			return false, err
		}
	}
	return true, nil
}

// untouchedIn is untouched for a name in a directory at the top.
func (l lowers) untouchedIn(dir string, n node, base string) (bool, error) {
	below, err := l.down(dir)
	if err != nil {
		return false, err
	}
	defer below.close()
	return below.untouched(n, path.Join("/", dir, base))
}

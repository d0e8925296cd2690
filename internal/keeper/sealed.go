//go:build linux

package keeper

import (
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// sealed returns a path by which binary can be executed and not be written. The
// first process of a container is a copy of the keeper until it executes its
// program, and that may be "/proc/self/exe" or a script that names it: then
// processes of the container get at the keeper's binary (CVE-2019-5736). As
// the keeper was executed by way of a read-only mount that nobody else sees,
// the kernel lets none of them open it for writing, not even when the keeper
// is gone. The path is good until the file is closed. Where the mount cannot
// be made (before Linux 5.12), it is the binary's own and the file is nil.
//
// The path is by the number of a descriptor, which is above after: in the child
// the standard library moves its own pipe to the first number behind the
// files that it hands on, over whatever is there.
func sealed(binary string, after ...*os.File) (string, *os.File) {
	real, err := filepath.EvalSymlinks(binary)
	if err != nil {
		return binary, nil
	}
	// The directory and not the file, so that the process has a name.
	dir, name := filepath.Split(real)
	fd, err := unix.OpenTree(unix.AT_FDCWD, filepath.Clean(dir), unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return binary, nil
	}
	if fd, err = moveUp(fd, after); err != nil {
		return binary, nil
	}
	tree := os.NewFile(uintptr(fd), dir)
	err = unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY})
	there := "/proc/self/fd/" + strconv.Itoa(fd) + "/" + name
	if err != nil || !sameFile(there, real) { // the file may be a mount of its own
		tree.Close()
		return binary, nil
	}
	return there, tree
}

// childFds is more than the descriptors that the standard library makes in a
// child before it executes a program.
const childFds = 16

// moveUp gives a descriptor a number well above those of files.
func moveUp(fd int, files []*os.File) (int, error) {
	defer unix.Close(fd)
	least := 0
	for _, f := range files {
		least = max(least, rawFd(f)+childFds)
	}
	return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, least)
}

func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

//go:build linux

package mount

import (
	"os"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// TreeOf takes the tree that is mounted at a place in the mount namespace of a process,
// detached, as it is seen there; links are not followed. The process is given by a pidfd, so that it is
// no other one's. The kernel clones mounts only of the namespace that one is in, hence a thread that goes
// there.
func TreeOf(pidfd *os.File, place string) (file *os.File, err error) {
	err = aside(func() error {
		if err := unix.Setns(int(pidfd.Fd()), unix.CLONE_NEWNS); err != nil {
			return os.NewSyscallError("setns", err)
		}
		at, err := openat2(unix.AT_FDCWD, place, &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_SYMLINKS})
		if err != nil {
			return &os.PathError{Op: "open", Path: place, Err: err}
		}
		defer unix.Close(at)
		fd, err := unix.OpenTree(at, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE|unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
		if err != nil {
			return os.NewSyscallError("open_tree", err)
		}
		file = os.NewFile(uintptr(fd), place)
		return nil
	})
	return file, fault.Wrap(fault.Internal, err, "What is mounted on %s of another container cannot be taken", place)
}

// TreeIn takes the tree at a path inside a directory, detached. Links and ".." lead no further than
// the directory. The error is NotFound when there is nothing.
func TreeIn(dir, name string, recursive bool) (*os.File, error) {
	root, err := os.OpenFile(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	at, err := OpenIn(root, name, unix.O_PATH)
	if err != nil {
		return nil, err
	}
	defer at.Close()
	flags := uint(unix.AT_EMPTY_PATH | unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC)
	if recursive {
		flags |= unix.AT_RECURSIVE
	}
	fd, err := unix.OpenTree(int(at.Fd()), "", flags)
	if err != nil {
		return nil, os.NewSyscallError("open_tree", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// Part takes the tree at a path inside a detached mount, detached; links and ".." lead no further
// than it. The error is NotFound when there is nothing. The kernel clones mounts only of a namespace that one is
// in, so the mount goes for that long into one that nobody else sees.
func Part(detached *os.File, name string) (part *os.File, err error) {
	err = aside(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
			return os.NewSyscallError("unshare", err)
		}
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			return os.NewSyscallError("mount private", err)
		}
		if err := unix.MoveMount(int(detached.Fd()), "", unix.AT_FDCWD, "/", unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
			return os.NewSyscallError("move_mount", err)
		}
		at, err := OpenIn(detached, name, unix.O_PATH)
		if err != nil {
			return err
		}
		defer at.Close()
		part, err = reopen(int(at.Fd()), unix.AT_EMPTY_PATH|unix.OPEN_TREE_CLONE, name)
		return err
	})
	return part, err
}

// MakeReadOnly makes a detached mount one that nothing is written through.
func MakeReadOnly(tree *os.File) error {
	return setAttributes(int(tree.Fd()), unix.AT_RECURSIVE, unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY})
}

// MakePrivate parts a detached mount from the mount that it is a copy of. A copy of a shared one, as systemd makes all, is
// its peer, and pivot_root(2) takes none for a root.
func MakePrivate(tree *os.File) error {
	return setAttributes(int(tree.Fd()), unix.AT_RECURSIVE, unix.MountAttr{Propagation: unix.MS_PRIVATE})
}

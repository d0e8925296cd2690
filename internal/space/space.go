//go:build linux

// Package space gives directories a size: what is in one comes to no more than that.
//
// On a file system with project quotas the directory becomes a project of its own. On any other it is the place of a
// file system in a sparse file beside it:
//
//	<dir>       the directory; empty, where its content is in an image
//	<dir>.img   the image, of ext4 or xfs
//
// An image is attached to a loop device and mounted by those who look into the directory, for as long as they do. Nothing
// of that is written down: the kernel frees the device with its last user, and who comes next, after a restart of the
// daemon too, finds the device by the image's inode.
package space

import (
	"errors"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/linux/loop"
	"berth/internal/linux/mount"
	"berth/internal/linux/project"
)

const imageSuffix = ".img"

// Least is the smallest size, in bytes: below it an overlay's own directories find no room.
const Least = 1 << 20

// Make gives a directory, which is there and empty, its size in bytes. What it has made when it fails goes with Remove.
// An error of the kind Unsupported says that there is no way here.
func Make(dir string, size int64) error {
	if size < Least {
		return fault.New(fault.Invalid, "a size of %d bytes is too small: it has to be 1 MiB at least", size)
	}
	if err := project.Limit(dir, size); !errors.Is(err, project.ErrNone) {
		return err
	}
	return makeImage(dir+imageSuffix, size)
}

// Remove deletes a directory with all that it has, and the limit of its project. Nobody is to use it any more; the
// files of an image that somebody has mounted stay until they do not.
func Remove(dir string) error {
	id := project.Of(dir)
	err := errors.Join(os.RemoveAll(dir), ignoreMissing(os.Remove(dir+imageSuffix)))
	if id != 0 && err == nil {
		err = project.Unlimit(parent(dir), id)
	}
	return err
}

// Imaged reports whether what is in a directory is in an image.
func Imaged(dir string) bool {
	_, err := os.Lstat(dir + imageSuffix)
	return err == nil
}

// Sized reports whether a directory has a size.
func Sized(dir string) bool { return Imaged(dir) || project.Of(dir) != 0 }

// Opened is a directory whose content can be read and changed.
type Opened struct {
	Path string // for this process, until Close
	root *os.File
}

// Open opens a directory, with a size or without.
func Open(dir string) (Opened, error) {
	if !Imaged(dir) {
		return Opened{Path: dir}, nil
	}
	root, err := mountImage(dir + imageSuffix)
	if err != nil {
		return Opened{}, err
	}
	return Opened{Path: "/proc/" + strconv.Itoa(os.Getpid()) + "/fd/" + strconv.Itoa(int(root.Fd())), root: root}, nil
}

// Close gives the directory back.
func (o Opened) Close() {
	if o.root != nil {
		o.root.Close()
	}
}

// Within runs f while the directory's content is at its path for f, though for nobody else: see mount.Within. Of what f
// mounts there the kernel holds the image for as long as it is mounted.
func Within(dir string, f func() error) error {
	if !Imaged(dir) {
		if project.Of(dir) == 0 {
			return f()
		}
		return mount.Within(nil, dir, f)
	}
	root, err := mountImage(dir + imageSuffix)
	if err != nil {
		return err
	}
	defer root.Close()
	return mount.Within(root, dir, f)
}

// Over mounts the image of a directory at its place, where everybody sees it, until it is unmounted there. A directory
// that has its files in it stays as it is.
func Over(dir string) error {
	if !Imaged(dir) {
		return nil
	}
	root, err := mountImage(dir + imageSuffix)
	if err != nil {
		return err
	}
	defer root.Close()
	return os.NewSyscallError("move_mount", unix.MoveMount(int(root.Fd()), "", unix.AT_FDCWD, dir, unix.MOVE_MOUNT_F_EMPTY_PATH))
}

// mountImage mounts an image, detached. The kernel discards what is deleted in it, so that the file stays as small as
// what it holds.
func mountImage(name string) (root *os.File, err error) {
	err = withDevice(name, func(dev *os.File, kind string) error {
		root, err = mount.Device(dev.Name(), kind, "discard")
		return err
	})
	if err == nil {
		root, err = emptied(root)
	}
	return root, err
}

// lostInode is that of the directory lost+found, which mkfs.ext4 makes for e2fsck, which makes another when it needs one.
const lostInode = 11

// emptied takes from the root of a fresh image what mkfs has made there: programs want a volume of theirs to be empty.
func emptied(root *os.File) (*os.File, error) {
	var st unix.Stat_t
	err := unix.Fstatat(int(root.Fd()), "lost+found", &st, unix.AT_SYMLINK_NOFOLLOW)
	if err == nil && st.Ino == lostInode {
		err = unix.Unlinkat(int(root.Fd()), "lost+found", unix.AT_REMOVEDIR)
	}
	if err == nil || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTEMPTY) { // e2fsck has found something
		return root, nil
	}
	root.Close()
	return nil, os.NewSyscallError("rmdir lost+found", err)
}

// withDevice runs f with the loop device of an image and the kind of its file system. Nobody else attaches it meanwhile.
func withDevice(name string, f func(dev *os.File, kind string) error) error {
	locked, err := lock(name)
	if err != nil {
		return err
	}
	defer locked.Close()
	image, err := os.OpenFile(name, os.O_RDWR|unix.O_NOFOLLOW, 0) // another one: the device will keep it, and would keep the lock
	if err != nil {
		return err
	}
	defer image.Close()
	kind, err := kindOf(image)
	if err != nil {
		return err
	}
	dev, err := loop.Attach(image)
	if err != nil {
		return err
	}
	defer dev.Close()
	return f(dev, kind)
}

// lock keeps other goroutines and daemons off a file until it is closed.
func lock(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			f.Close()
			return nil, os.NewSyscallError("flock", err)
		}
		return f, nil
	}
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

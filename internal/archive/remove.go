//go:build linux

package archive

import (
	"cmp"
	"os"

	"golang.org/x/sys/unix"
)

// removeTries is how often a directory is emptied into which a container goes on writing.
const removeTries = 8

// removeAll removes what a name in a directory is, with all below it, and no
// link is followed. What is not there is fine. A place where something is mounted is EBUSY,
// as for a process that sees the mount: we are in another namespace, where the kernel would let us remove it,
// and take the mount away from the container as well.
func removeAll(dir int, base string) error {
	if mounted, err := isMounted(dir, base); mounted || err != nil {
		return cmp.Or(err, error(unix.EBUSY))
	}
	err := unix.Unlinkat(dir, base, 0)
	if err == nil || err == unix.ENOENT {
		return nil
	}
	if err != unix.EISDIR && err != unix.EPERM {
		return err
	}
	for try := 0; ; try++ {
		fd, openErr := openat(dir, base, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
		if openErr == unix.ENOENT {
			return nil
		}
		if openErr != nil {
			return err // it is no directory: the first refusal is the reason
		}
		if err := empty(fd); err != nil {
			return err
		}
		err := unix.Unlinkat(dir, base, unix.AT_REMOVEDIR)
		if err == nil || err == unix.ENOENT {
			return nil
		}
		if err != unix.ENOTEMPTY || try == removeTries {
			return err
		}
	}
}

// empty removes all that is in a directory, and closes it.
func empty(fd int) error {
	d := os.NewFile(uintptr(fd), "directory")
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := removeAll(fd, name); err != nil {
			return err
		}
	}
	return nil
}

// isMounted reports that a name in a directory leads to another mount than the directory's.
func isMounted(dir int, base string) (bool, error) {
	var above, here unix.Statx_t
	if err := unix.Statx(dir, "", unix.AT_EMPTY_PATH, unix.STATX_MNT_ID, &above); err != nil {
		return false, err
	}
	if err := unix.Statx(dir, base, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_MNT_ID, &here); err != nil {
		return false, missing(err)
	}
	return above.Mnt_id != here.Mnt_id, nil
}

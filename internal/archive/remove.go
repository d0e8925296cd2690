//go:build linux

package archive

import (
	"os"

	"golang.org/x/sys/unix"
)

// removeTries is how often a directory is emptied into which a container goes on writing.
const removeTries = 8

// removeAll removes what a name in a directory is, with all below it, and no
// link is followed. What is not there is fine.
func removeAll(dir int, base string) error {
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

//go:build linux

package mount

import (
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// MakePlace makes a directory, or with dir false an empty file, inside a root, with all
// directories above it; what is there stays as it is. Symbolic links lead to where
// they would for a process whose root it is. The error is the kernel's.
func MakePlace(root *os.File, name string, dir bool) error {
	at, names := "/", strings.Split(strings.Trim(path.Clean(name), "/"), "/")
	for i, name := range names {
		if name == "" || name == "." {
			return nil // the root itself
		}
		above, err := OpenIn(root, at, unix.O_PATH|unix.O_DIRECTORY)
		if err != nil {
			return err
		}
		if i < len(names)-1 || dir {
			err = unix.Mkdirat(int(above.Fd()), name, 0o755)
		} else {
			err = unix.Mknodat(int(above.Fd()), name, unix.S_IFREG|0o755, 0)
		}
		above.Close()
		if err != nil && err != unix.EEXIST {
			return err
		}
		at = path.Join(at, name)
	}
	return nil
}

// MakeLink makes a symbolic link inside a root, with all directories above it; what is there by its name stays as it is.
func MakeLink(root *os.File, name, target string) error {
	if err := MakePlace(root, path.Dir(name), true); err != nil {
		return err
	}
	above, err := OpenIn(root, path.Dir(name), unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer above.Close()
	if err := unix.Symlinkat(target, int(above.Fd()), path.Base(name)); err != nil && err != unix.EEXIST {
		return err
	}
	return nil
}

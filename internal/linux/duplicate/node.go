//go:build linux

package duplicate

import (
	"os"

	"golang.org/x/sys/unix"
)

// symlink copies a symbolic link, wherever it leads.
func symlink(from, to *os.File, name string) error {
	source, err := open(from, name, unix.O_PATH)
	if err != nil {
		return err
	}
	defer source.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(source.Fd()), &st); err != nil {
		return err
	}
	target := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(int(source.Fd()), "", target)
	if err != nil {
		return err
	}
	if err := unix.Symlinkat(string(target[:n]), int(to.Fd()), name); err != nil {
		return err
	}
	return likeName(&st, from, to, name)
}

// special copies a fifo, a socket or a device: the kernel makes each by its mode.
func special(st *unix.Stat_t, from, to *os.File, name string) error {
	if err := unix.Mknodat(int(to.Fd()), name, st.Mode&unix.S_IFMT|0o600, int(st.Rdev)); err != nil {
		return err
	}
	return likeName(st, from, to, name)
}

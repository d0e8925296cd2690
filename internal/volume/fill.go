//go:build linux

package volume

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/containerd/continuity/fs"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// Fill copies what the directory source holds into a volume, with owner and mode
// of source itself. What the volume has already stays as it is.
//
// A container may be using the volume by now, and put a symbolic link where the
// copy has just made a directory: so it is made where no container sees it, and
// moved entry by entry into the volume's directory, which is held open.
func (s *Service) Fill(name, source string) error {
	dir, _, err := s.Ensure(name)
	if err != nil {
		return err
	}
	wrap := func(err error) error { return fault.Wrap(fault.Internal, err, "the volume %s cannot be filled", name) }
	data, err := os.OpenFile(dir, unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return wrap(err)
	}
	defer data.Close()
	hidden, err := os.MkdirTemp(filepath.Dir(dir), ".fill-") // mode 0700
	if err != nil {
		return wrap(err)
	}
	defer os.RemoveAll(hidden)
	copied := filepath.Join(hidden, "copy")
	if err := fs.CopyDir(copied, source); err != nil {
		return wrap(err)
	}
	return wrap(moveAll(copied, data))
}

// moveAll moves the entries of a directory into another, and makes that one as it is.
func moveAll(from string, to *os.File) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	fd := int(to.Fd())
	for _, e := range entries {
		old := filepath.Join(from, e.Name())
		err := unix.Renameat2(unix.AT_FDCWD, old, fd, e.Name(), unix.RENAME_NOREPLACE)
		if errors.Is(err, unix.EINVAL) { // the file system cannot
			err = unix.Renameat(unix.AT_FDCWD, old, fd, e.Name())
		}
		if err != nil && !errors.Is(err, unix.EEXIST) {
			return &os.LinkError{Op: "rename", Old: old, New: e.Name(), Err: err}
		}
	}
	var st unix.Stat_t
	if err := unix.Lstat(from, &st); err != nil {
		return err
	}
	if err := unix.Fchown(fd, int(st.Uid), int(st.Gid)); err != nil {
		return err
	}
	return unix.Fchmod(fd, st.Mode&0o7777)
}

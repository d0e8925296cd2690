//go:build linux

package volume

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/containerd/continuity/fs"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// Fill copies the directory that source opens, if any, into a volume that holds
// nothing, with its owner and mode. It is on the disk when this returns.
//
// A container may be using the volume by now, and put a symbolic link where the
// copy has just made a directory: so it is made where no container sees it, and
// moved entry by entry into the volume's directory, which is held open. A volume
// with a file system of its own is only filled while nobody uses it.
func (s *Service) Fill(name string, source func() (*os.File, error)) (err error) {
	wrap := func(err error) error { return fault.Wrap(fault.Internal, err, "the volume %s cannot be filled", name) }
	me := "fill " + rand.Text()
	dir, err := s.Mount(name, me)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Unmount(name, me)) }()
	data, err := os.OpenFile(dir, unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return wrap(err)
	}
	defer data.Close()
	if _, err := data.Readdirnames(1); !errors.Is(err, io.EOF) {
		return wrap(err) // nil when there is something
	}
	aside, alone := s.aside(name, me)
	if !alone {
		return nil
	}
	from, err := source()
	if err != nil || from == nil {
		return err
	}
	defer from.Close()
	return wrap(pour(from, data, aside))
}

// aside is where on the volume's file system a copy is made; false when it is the
// volume itself, and others than me use it.
func (s *Service) aside(name, me string) (dir string, ok bool) {
	v, _ := s.Get(name)
	if len(v.Options) == 0 {
		return filepath.Dir(v.Dir), true
	}
	m := s.mounts.get(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	return v.Dir, len(m.users) == 0 || len(m.users) == 1 && m.users[me]
}

// pour copies a directory by way of a hidden one.
func pour(from, to *os.File, aside string) error {
	hidden, err := os.MkdirTemp(aside, fillPrefix) // mode 0700
	if err != nil {
		return err
	}
	defer os.RemoveAll(hidden)
	copied := filepath.Join(hidden, "copy")
	if err := fs.CopyDir(copied, fmt.Sprintf("/proc/self/fd/%d", from.Fd())); err != nil {
		return err
	}
	if err := moveAll(copied, to); err != nil {
		return err
	}
	return unix.Syncfs(int(to.Fd()))
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

//go:build linux

package volume

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/linux/duplicate"
)

// Source opens a directory to copy, and those that it is shown of, the top-most first, if it is
// in an overlay (see duplicate.Tree). All are nil when there is nothing to copy.
type Source = func() (dir *os.File, beneath []*os.File, err error)

// Fill copies the directory that source opens, if any, into a volume that holds
// nothing, and makes the volume's as that one is. It is on the disk when this returns.
//
// A container may be using the volume by now, and put a symbolic link where the
// copy has just made a directory: so it is made where no container sees it, and
// moved entry by entry into the volume's directory, which is held open. A volume
// with a file system of its own is only filled while nobody uses it.
//
// A volume that holds something is never filled again. So a copy that cannot be made, for a
// full disk or a daemon that is killed, leaves nothing, and one that is complete is moved to
// its end: by the next daemon (settleAll), if this one is killed.
func (s *Service) Fill(ctx context.Context, name string, source Source) (err error) {
	wrap := func(err error) error {
		if err != nil && ctx.Err() != nil {
			return fault.As(fault.Cancelled, err)
		}
		return fault.Wrap(fault.Internal, err, "the volume %s cannot be filled", name)
	}
	me := "fill " + rand.Text()
	if v, err := s.Get(name); err == nil && v.Foreign() { // which is not mounted for nothing
		from, beneath, err := source()
		if err != nil || from == nil {
			return err
		}
		source = func() (*os.File, []*os.File, error) { return from, beneath, nil }
		defer func() { closeAll(append(beneath, from)) }()
	}
	dir, err := s.Mount(name, me)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Unmount(name, me)) }()
	data, err := openDir(dir)
	if err != nil {
		return wrap(err)
	}
	defer data.Close()
	aside, alone := asideOf(s, name, me)
	if !alone {
		return nil
	}
	if aside == dir { // where no daemon has looked when it came up
		if err := settleAll(aside, dir); err != nil {
			return wrap(err)
		}
	}
	if _, err := data.Readdirnames(1); !errors.Is(err, io.EOF) {
		return wrap(err) // nil when there is something
	}
	from, beneath, err := source()
	if err != nil || from == nil {
		return err
	}
	defer closeAll(append(beneath, from))
	return wrap(pour(ctx, from, data, aside, beneath))
}

// closeAll closes what may have been closed before.
func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// openDir opens a directory, and no link to one.
func openDir(path string) (*os.File, error) {
	return os.OpenFile(path, unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
}

// asideOf is where on the volume's file system a copy is made; false when it is the
// volume itself, and others than me use it.
func asideOf(s *Service, name, me string) (dir string, ok bool) {
	v, _ := s.Get(name)
	if v.Plain() {
		return filepath.Dir(v.Dir), true
	}
	if v.Foreign() {
		return v.Dir, s.references.alone(name, me)
	}
	m := s.mounts.get(name)
	m.mu.Lock()
	defer m.mu.Unlock()
	return v.Dir, len(m.users) == 0 || len(m.users) == 1 && m.users[me]
}

// pour copies a directory by way of a hidden one.
func pour(ctx context.Context, from, to *os.File, aside string, beneath []*os.File) error {
	root, err := os.OpenRoot(aside)
	if err != nil {
		return err
	}
	defer root.Close()
	id := rand.Text()
	if err := copyAside(ctx, from, root, fillPrefix+id, beneath); err != nil {
		return errors.Join(err, root.RemoveAll(fillPrefix+id))
	}
	if err := root.Rename(fillPrefix+id, filledPrefix+id); err != nil {
		return errors.Join(err, root.RemoveAll(fillPrefix+id))
	}
	return settle(root, filledPrefix+id, to)
}

// copyAside makes a copy of a directory, which is on the disk when this returns, in one that only
// root enters: there may be programs in it that run as their owner.
func copyAside(ctx context.Context, from *os.File, root *os.Root, hidden string, beneath []*os.File) error {
	copied := filepath.Join(hidden, copyDir)
	if err := errors.Join(root.Mkdir(hidden, 0o700), root.Mkdir(copied, 0o700)); err != nil {
		return err
	}
	into, err := root.Open(copied)
	if err != nil {
		return err
	}
	defer into.Close()
	if err := duplicate.Tree(ctx, from, into, beneath...); err != nil {
		return err
	}
	// The kernel may put names on the disk before what they name: without this, a machine that loses its
	// power would have a volume of empty files, which is not filled again.
	return unix.Syncfs(int(into.Fd()))
}

// settle moves a complete copy to where it belongs. It can be done again from the beginning.
func settle(root *os.Root, full string, to *os.File) error {
	copied, err := root.Open(filepath.Join(full, copyDir))
	if err != nil {
		return err
	}
	defer copied.Close()
	if err := moveAll(copied, to); err != nil {
		return err
	}
	if err := errors.Join(duplicate.Like(copied, to), to.Sync()); err != nil {
		return err
	}
	return root.RemoveAll(full)
}

// settleAll ends what a killed daemon was doing to fill a volume: a part of a copy goes, a whole one
// gets where it belongs.
func settleAll(aside, data string) error {
	entries, err := os.ReadDir(aside)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if name := e.Name(); strings.HasPrefix(name, fillPrefix) || strings.HasPrefix(name, filledPrefix) {
			if err := settleOne(aside, name, data); err != nil {
				return err
			}
		}
	}
	return nil
}

func settleOne(aside, name, data string) error {
	root, err := os.OpenRoot(aside)
	if err != nil {
		return err
	}
	defer root.Close()
	if strings.HasPrefix(name, fillPrefix) {
		return root.RemoveAll(name)
	}
	to, err := openDir(data)
	if err != nil {
		return err
	}
	return errors.Join(settle(root, name, to), to.Close())
}

// moveAll moves the entries of a directory into another. What has appeared there meanwhile stays.
func moveAll(from, to *os.File) error {
	names, err := from.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		err := unix.Renameat2(int(from.Fd()), name, int(to.Fd()), name, unix.RENAME_NOREPLACE)
		if errors.Is(err, unix.EINVAL) { // the file system cannot
			err = unix.Renameat(int(from.Fd()), name, int(to.Fd()), name)
		}
		if err != nil && !errors.Is(err, unix.EEXIST) {
			return &os.LinkError{Op: "rename", Old: name, New: name, Err: err}
		}
	}
	return nil
}

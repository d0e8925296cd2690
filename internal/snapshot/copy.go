//go:build linux

package snapshot

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"berth/internal/chunk"
	chunktree "berth/internal/chunk/tree"
	"berth/internal/failpoint"
	"berth/internal/fault"
	"berth/internal/snapshot/tree"
)

// unfold makes the files of a snapshot, which is in a directory and nobody changes, at a name in another. Contents may be on their way
// there in a.
func unfold(ctx context.Context, of string, a *aside, into *os.File, name string) error {
	m, err := manifest(of)
	if err != nil {
		return err
	}
	if m != nil {
		return restore(ctx, filepath.Dir(of), m, into, name)
	}
	from, err := openDir(filepath.Join(of, treeDir))
	if err != nil {
		return err
	}
	defer from.Close()
	c := newClones(from, a)
	if err := c.last(ctx); err != nil {
		return err
	}
	return c.build(ctx, into, name)
}

// Clone makes a subject's files anew in an empty directory that nobody else can reach: as a snapshot has them, or with
// ref "" as they are now. They are on the disk when it returns.
func (s *Service) Clone(ctx context.Context, sub Subject, ref string, into *os.File) (err error) {
	unlock, err := s.lock(ctx, sub.Home)
	if err != nil {
		return err
	}
	defer unlock()
	wrap := func(err error) error { return fault.Wrap(kindOf(err), err, "%s cannot be cloned", sub.Title) }
	if ref == "" {
		from, shut, err := sub.open()
		if err != nil {
			return wrap(err)
		}
		defer shut()
		err = pour(ctx, from, into, func(c *clones) error { return s.capture(ctx, sub, c, &Snapshot{}) })
		return wrap(err)
	}
	x, err := s.Get(sub, ref)
	if err != nil {
		return err
	}
	return wrap(spread(ctx, dir(sub.Home, x.ID), into))
}

// spread makes the files of a snapshot, which is in a directory, in another that is empty.
func spread(ctx context.Context, of string, into *os.File) error {
	m, err := manifest(of)
	if err != nil {
		return err
	}
	if m != nil {
		store, err := chunk.Open(filepath.Join(filepath.Dir(of), chunksDir))
		if err == nil {
			err = chunktree.Restore(ctx, m, store, into)
		}
		if err == nil {
			err = unix.Syncfs(int(into.Fd()))
		}
		return err
	}
	from, err := openDir(filepath.Join(of, treeDir))
	if err != nil {
		return err
	}
	defer from.Close()
	return pour(ctx, from, into, func(c *clones) error { return c.last(ctx) })
}

// pour makes the files of one directory, as take takes them in, in another that is empty. Contents are on their way there
// in a directory of that one: nothing can be moved from one file system to another, nor into some quotas.
func pour(ctx context.Context, from, into *os.File, take func(*clones) error) error {
	a, err := newAside(fmt.Sprintf("/proc/self/fd/%d/%s%s", into.Fd(), newPrefix, newID()))
	if err != nil {
		return err
	}
	c := newClones(from, a)
	err = take(c)
	if err == nil {
		err = tree.BuildIn(ctx, c.r.Root(), into, c.pool)
	}
	failpoint.At("clone.built")
	a.drop()
	if err == nil {
		err = tree.Adorn(c.r.Root(), into)
	}
	if err == nil {
		err = unix.Syncfs(int(into.Fd()))
	}
	return err
}

//go:build linux

package snapshot

import (
	"context"
	"os"
	"path/filepath"

	"berth/internal/failpoint"
	"berth/internal/fault"
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

// Clone makes a subject's files anew at a name in a directory of the same file system, that nobody else can
// reach: as a snapshot has them, or with ref "" as they are now. They are on the disk when it returns.
func (s *Service) Clone(ctx context.Context, sub Subject, ref string, into string, name string) (err error) {
	unlock, err := s.lock(ctx, sub.Home)
	if err != nil {
		return err
	}
	defer unlock()
	wrap := func(err error) error { return fault.Wrap(kindOf(err), err, "%s cannot be cloned", sub.Title) }
	a, err := newAside(filepath.Join(into, newPrefix+newID()))
	if err != nil {
		return wrap(err)
	}
	defer a.drop()
	to, err := openDir(into)
	if err != nil {
		return wrap(err)
	}
	defer to.Close()
	if ref == "" {
		err = s.cloneNow(ctx, sub, a, to, name)
	} else {
		x, err := s.Get(sub, ref)
		if err != nil {
			return err
		}
		if err = unfold(ctx, dir(sub.Home, x.ID), a, to, name); err != nil {
			return wrap(err)
		}
	}
	failpoint.At("clone.built")
	if err == nil {
		err = a.settle()
	}
	return wrap(err)
}

// cloneNow is Clone of what a subject has now.
func (s *Service) cloneNow(ctx context.Context, sub Subject, a *aside, to *os.File, name string) error {
	from, shut, err := sub.open()
	if err != nil {
		return err
	}
	defer shut()
	c := newClones(from, a)
	if err := s.capture(ctx, sub, c, &Snapshot{}); err != nil {
		return err
	}
	return c.build(ctx, to, name)
}

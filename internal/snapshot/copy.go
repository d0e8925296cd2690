//go:build linux

package snapshot

import (
	"context"
	"path/filepath"

	"berth/internal/failpoint"
	"berth/internal/fault"
	"berth/internal/snapshot/tree"
)

// load takes the files of a snapshot in, which nobody changes.
func (s *Service) load(ctx context.Context, home string, x Snapshot, a *aside) (*tree.Node, *tree.Pool, error) {
	from, err := openDir(filepath.Join(dir(home, x.ID), treeDir))
	if err != nil {
		return nil, nil, err
	}
	defer from.Close()
	pool := a.pooled()
	r := tree.NewReader(from, pool)
	_, err = r.Last(ctx)
	return r.Root(), pool, err
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
	var root *tree.Node
	var pool *tree.Pool
	if ref == "" {
		root, pool, err = s.capture(ctx, sub, a, &Snapshot{})
	} else {
		x, err := s.Get(sub, ref)
		if err != nil {
			return err
		}
		root, pool, err = s.load(ctx, sub.Home, x, a)
		if err != nil {
			return wrap(err)
		}
	}
	if err == nil {
		err = tree.Build(ctx, root, to, name, pool)
	}
	failpoint.At("clone.built")
	if err == nil {
		err = a.settle()
	}
	return wrap(err)
}

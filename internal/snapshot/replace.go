//go:build linux

package snapshot

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"berth/internal/failpoint"
	"berth/internal/fault"
)

// Replace puts other files into the place of a subject's: what fill puts into a directory, all of it or nothing. What they were
// is a snapshot from then on, which is returned; reason says why it is there. It is durable when Replace returns,
// and a daemon that is killed in the middle of it has done all of it or nothing (see Rollback).
func (s *Service) Replace(ctx context.Context, sub Subject, reason string, fill func(dir *os.File) error) (before Snapshot, err error) {
	if err := sub.Idle(ctx, func() error { return nil }); err != nil { // before there is any work
		return before, err
	}
	unlock, err := s.lock(ctx, sub.Home)
	if err != nil {
		return before, err
	}
	defer unlock()
	x := Snapshot{ID: newID(), Created: time.Now().UTC(), Tree: sub.Tree, Reason: reason}
	before, err = s.replace(ctx, sub, x, func(a *aside) error { return a.filled(treeDir, fill) })
	if fault.Is(err, fault.Conflict) { // who has begun to use it says that already
		return before, err
	}
	return before, fault.Wrap(kindOf(err), err, "the files of %s cannot be replaced", sub.Title)
}

// filled makes a directory of others' files in it.
func (a *aside) filled(name string, fill func(dir *os.File) error) error {
	path := filepath.Join(a.path, name)
	if err := os.Mkdir(path, 0o755); err != nil {
		return err
	}
	d, err := openDir(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return fill(d)
}

// replace puts what make makes into the place of a subject's files, which become a snapshot.
func (s *Service) replace(ctx context.Context, sub Subject, x Snapshot, make func(a *aside) error) (before Snapshot, err error) {
	if sub.Apart {
		return s.replaceApart(ctx, sub, x, make)
	}
	a, err := newAside(dir(sub.Home, backPrefix+x.ID))
	if err != nil {
		return Snapshot{}, err
	}
	swapped := false
	defer func() {
		if a.close(); !swapped {
			a.drop()
		}
	}()
	failpoint.At("rollback.began")
	if err := make(a); err != nil {
		return Snapshot{}, err
	}
	if err := prepare(ctx, sub, a, &x); err != nil {
		return Snapshot{}, err
	}
	err = sub.Idle(ctx, func() error {
		failpoint.At("rollback.idle")
		swapped, err = exchange(filepath.Join(sub.Home, sub.Tree), a)
		return err
	})
	if err != nil {
		return Snapshot{}, err
	}
	failpoint.At("rollback.exchanged")
	return x, a.name(sub.Home, x.ID)
}

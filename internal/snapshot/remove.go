//go:build linux

package snapshot

import (
	"context"
	"os"
	"path/filepath"

	"berth/internal/failpoint"
	"berth/internal/fault"
)

// Remove removes a snapshot. It is gone when this returns; its files go in the background.
func (s *Service) Remove(ctx context.Context, sub Subject, ref string) (Snapshot, error) {
	unlock, err := s.lock(ctx, sub.Home)
	if err != nil {
		return Snapshot{}, err
	}
	defer unlock()
	x, err := s.Get(sub, ref)
	if err != nil {
		return Snapshot{}, err
	}
	return x, fault.Wrap(fault.Internal, s.remove(sub, x), "the snapshot %s cannot be removed", ref)
}

// remove is Remove for who holds the home's lock.
func (s *Service) remove(sub Subject, x Snapshot) error {
	gone := dir(sub.Home, gonePrefix+x.ID)
	if err := os.Rename(dir(sub.Home, x.ID), gone); err != nil {
		return err
	}
	failpoint.At("snapshot.gone")
	if err := syncDir(filepath.Dir(gone)); err != nil {
		return err
	}
	s.throw(gone)
	return collect(sub.Home)
}

// throw removes what has no snapshot's name any more. Recover tries it again.
func (s *Service) throw(path string) { s.trash.Go(func() { os.RemoveAll(path) }) }

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
	gone := dir(sub.Home, gonePrefix+x.ID)
	if err = os.Rename(dir(sub.Home, x.ID), gone); err == nil {
		failpoint.At("snapshot.gone")
		err = syncDir(filepath.Dir(gone))
	}
	if err != nil {
		return Snapshot{}, fault.Wrap(fault.Internal, err, "the snapshot %s cannot be removed", ref)
	}
	s.throw(gone)
	return x, fault.Wrap(fault.Internal, collect(sub.Home), "what only the snapshot %s had cannot be removed", ref)
}

// throw removes what has no snapshot's name any more. Recover tries it again.
func (s *Service) throw(path string) { s.trash.Go(func() { os.RemoveAll(path) }) }

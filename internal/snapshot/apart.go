//go:build linux

package snapshot

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"berth/internal/failpoint"
)

// apartFile is in a home's snapshots while a rollback of files that are apart is under way: so a daemon that starts
// need not look into every file system.
const apartFile = ".apart"

// replaceApart is a replacement where the files have a file system or a quota of their own. What was before is taken as any
// snapshot; then what comes is made beside the files, in the same file system, and takes their place by one exchange.
func (s *Service) replaceApart(ctx context.Context, sub Subject, before Snapshot, make func(a *aside) error) (_ Snapshot, err error) {
	if before, err = s.take(ctx, sub, before); err != nil {
		return Snapshot{}, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.remove(sub, before))
		}
	}()
	mark := filepath.Join(sub.Home, dirName, apartFile)
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		return Snapshot{}, err
	}
	defer os.Remove(mark)
	place, shut, err := sub.place()
	if err != nil {
		return Snapshot{}, err
	}
	defer shut()
	a, err := newAside(filepath.Join(filepath.Dir(place), backPrefix+before.ID))
	if err != nil {
		return Snapshot{}, err
	}
	defer a.drop()
	if err = make(a); err == nil {
		err = a.settle()
	}
	failpoint.At("rollback.apart")
	if err != nil {
		return Snapshot{}, err
	}
	return before, sub.Idle(ctx, func() error {
		_, err := exchange(place, a)
		return err
	})
}

// recoverApart removes what a rollback of files that are apart has left beside them.
func recoverApart(home string, open func() (string, func(), error)) error {
	mark := filepath.Join(home, dirName, apartFile)
	if _, err := os.Lstat(mark); errors.Is(err, fs.ErrNotExist) || open == nil {
		return nil
	}
	place, shut, err := open()
	if err != nil {
		return err
	}
	defer shut()
	left, err := filepath.Glob(filepath.Join(filepath.Dir(place), backPrefix+"*"))
	for _, path := range left {
		err = errors.Join(err, os.RemoveAll(path))
	}
	if err == nil {
		err = os.Remove(mark)
	}
	return err
}

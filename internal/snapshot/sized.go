//go:build linux

package snapshot

import (
	"context"
	"errors"
	"os"
)

// Swap makes files of the size that a subject's have in a directory, with what fill puts there. exchange then has them and
// the subject's change places by one rename, while nobody uses those; drop removes what is in the directory.
type Swap func(dir string, fill func(into *os.File) error) (exchange func() error, drop func(), err error)

// swap is a replacement where the files are all of a file system, or of a quota. What was before is taken as any snapshot.
func (s *Service) swap(ctx context.Context, sub Subject, before Snapshot, fill func(into *os.File) error) (_ Snapshot, err error) {
	if before, err = s.take(ctx, sub, before); err != nil {
		return Snapshot{}, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.remove(sub, before))
		}
	}()
	aside := dir(sub.Home, backPrefix+before.ID)
	if err := os.Mkdir(aside, 0o700); err != nil {
		return Snapshot{}, err
	}
	defer os.RemoveAll(aside)
	exchange, drop, err := sub.Swap(aside, fill)
	if err != nil {
		return Snapshot{}, err
	}
	defer drop()
	if err := sub.Idle(ctx, exchange); err != nil {
		return Snapshot{}, err
	}
	return before, nil
}

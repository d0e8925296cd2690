//go:build linux

package snapshot

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/failpoint"
	"berth/internal/fault"
)

const (
	// window is how long those who use the files stand still at most.
	window = 5 * time.Second
	// tries is how often it is begun anew when that was not enough: each time
	// there is less to take in.
	tries = 3
)

// Take takes a snapshot. It is durable when Take returns, and nothing of it is left when it
// fails; those who use the files go on either way.
func (s *Service) Take(ctx context.Context, sub Subject, w Wish) (_ Snapshot, err error) {
	unlock, err := s.lock(ctx, sub.Home)
	if err != nil {
		return Snapshot{}, err
	}
	defer unlock()
	there, err := s.List(sub.Home)
	if err == nil {
		err = w.check(sub.Title, there)
	}
	if err != nil {
		return Snapshot{}, err
	}
	return s.take(ctx, sub, Snapshot{ID: newID(), Name: w.Name, Tree: sub.Tree, Labels: maps.Clone(w.Labels)})
}

// take is Take for who holds the home's lock.
func (s *Service) take(ctx context.Context, sub Subject, x Snapshot) (Snapshot, error) {
	a, err := newAside(dir(sub.Home, newPrefix+x.ID))
	if err != nil {
		return Snapshot{}, failed(err, sub)
	}
	defer a.drop() // what has another name by then stays
	failpoint.At("snapshot.began")
	from, shut, err := sub.open()
	if err != nil {
		return Snapshot{}, failed(err, sub)
	}
	defer shut()
	in, err := intakeFor(sub.Home, from, a)
	if err != nil {
		return Snapshot{}, failed(err, sub)
	}
	defer in.close()
	err = s.capture(ctx, sub, in, &x)
	if err == nil {
		x.Bytes, x.Entries, err = in.keep(ctx, a)
	}
	failpoint.At("snapshot.built")
	if err == nil {
		err = a.done(record{Snapshot: x})
	}
	failpoint.At("snapshot.settled")
	if err == nil {
		err = a.name(sub.Home, x.ID)
	}
	failpoint.At("snapshot.named")
	return x, failed(err, sub)
}

// failed says that no snapshot could be taken, and why.
func failed(err error, sub Subject) error {
	return fault.Wrap(kindOf(err), err, "no snapshot of %s can be taken", sub.Title)
}

// kindOf is that of an error: a full disk is nothing that the engine has done wrong.
func kindOf(err error) fault.Kind {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return fault.Unavailable
	}
	return fault.KindOf(err)
}

// open opens a subject's files.
func (sub Subject) open() (from *os.File, shut func(), err error) {
	at, opened, err := sub.place()
	if err != nil {
		return nil, nil, err
	}
	if from, err = openDir(at); err != nil {
		opened()
		return nil, nil, err
	}
	return from, func() { from.Close(); opened() }, nil
}

// place is where a subject's files are, until shut.
func (sub Subject) place() (dir string, shut func(), err error) {
	if sub.Open != nil {
		return sub.Open()
	}
	return filepath.Join(sub.Home, sub.Tree), func() {}, nil
}

// capture takes a subject's files in, those that are written to meanwhile again.
func (s *Service) capture(ctx context.Context, sub Subject, in intake, x *Snapshot) (err error) {
	for range tries {
		if err := ahead(ctx, in); err != nil {
			return err
		}
		failpoint.At("snapshot.ahead")
		x.Frozen, err = sub.Still(ctx, window, func(ctx context.Context) error {
			failpoint.At("snapshot.still")
			x.Created = time.Now().UTC()
			return in.last(ctx)
		})
		if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
			break
		}
	}
	failpoint.At("snapshot.captured")
	return err
}

// ahead takes in what there is, until little is left to take in.
func ahead(ctx context.Context, in intake) error {
	for range tries {
		if more, err := in.ahead(ctx); err != nil || !more {
			return err
		}
	}
	return nil
}

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
	"berth/internal/snapshot/tree"
)

const (
	// window is how long those who use the files stand still at most.
	window = 5 * time.Second
	// tries is how often it is begun anew when that was not enough: each time
	// there is less to take in.
	tries = 3
	// few is what may be left to take in while they stand still.
	fewFiles, fewBytes = 64, 16 << 20
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
	x := Snapshot{ID: newID(), Name: w.Name, Tree: sub.Tree, Labels: maps.Clone(w.Labels)}
	a, err := newAside(dir(sub.Home, newPrefix+x.ID))
	if err != nil {
		return Snapshot{}, failed(err, sub)
	}
	defer a.drop() // what has another name by then stays
	failpoint.At("snapshot.began")
	root, pool, err := s.capture(ctx, sub, a, &x)
	if err != nil {
		return Snapshot{}, failed(err, sub)
	}
	u := root.Usage()
	x.Bytes, x.Entries = u.Bytes, u.Entries
	err = a.build(func(name string) error { return tree.Build(ctx, root, a.dir, name, pool) })
	failpoint.At("snapshot.built")
	if err == nil {
		err = write(a.path, record{Snapshot: x})
	}
	if err == nil {
		err = a.settle()
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

// capture takes a subject's files in, those that are written to meanwhile again.
func (s *Service) capture(ctx context.Context, sub Subject, a *aside, x *Snapshot) (*tree.Node, *tree.Pool, error) {
	if sub.Open != nil {
		shut, err := sub.Open()
		if err != nil {
			return nil, nil, err
		}
		defer shut()
	}
	from, err := openDir(filepath.Join(sub.Home, sub.Tree))
	if err != nil {
		return nil, nil, err
	}
	defer from.Close()
	pool := a.pooled()
	r := tree.NewReader(from, pool)
	for range tries {
		if err := ahead(ctx, r, from); err != nil {
			return nil, nil, err
		}
		failpoint.At("snapshot.ahead")
		x.Frozen, err = sub.Still(ctx, window, func(ctx context.Context) error {
			failpoint.At("snapshot.still")
			x.Created = time.Now().UTC()
			_, err := r.Last(ctx)
			return err
		})
		if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
			break
		}
	}
	failpoint.At("snapshot.captured")
	return r.Root(), pool, err
}

// ahead takes in what there is, until little is left to take in.
func ahead(ctx context.Context, r *tree.Reader, from *os.File) error {
	if !tree.Timed(from) {
		return nil
	}
	for range tries {
		w, err := r.Ahead(ctx)
		if err != nil || w.Files <= fewFiles && w.Bytes <= fewBytes {
			return err
		}
	}
	return nil
}

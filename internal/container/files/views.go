package files

import (
	"context"
	"sync"
	"time"

	"berth/internal/container/provision"
	"berth/internal/container/record"
	"berth/internal/fault"
	"berth/internal/linux/mount"
)

// Patience is how long a start waits for those who copy files of a container that
// does not run; then they are cut off.
const Patience = 10 * time.Second

// Views is the one view of a container's file system that all who copy share. It is made
// with the first and goes with the last; from one start of the container to the next it is the same overlay.
type Views struct {
	mu  sync.Mutex
	now *shared // nil when nobody looks
}

// shared is a view with those who look at it.
type shared struct {
	*mount.View
	users int             // guarded by Views.mu
	ctx   context.Context // ends when they must
	cut   context.CancelFunc
	gone  chan struct{} // closed when the last one has given it back
	of    record.Container
}

// look gives a view of the container's file system, which with files is what the
// container sees, and without has nothing mounted in it. The context ends when the view has to be given back at once.
func (s *Service) look(ctx context.Context, e Container, files bool) (context.Context, *mount.View, func(), error) {
	for {
		if err := e.Lock(ctx); err != nil {
			return nil, nil, nil, err
		}
		held, down := e.Running()
		v, err := s.lookLocked(ctx, e, held, files)
		e.Unlock()
		if held == nil || !fault.Is(err, fault.NotFound) {
			if err != nil {
				return nil, nil, nil, err
			}
			joined, cancel := context.WithCancel(v.ctx)
			stop := context.AfterFunc(ctx, cancel)
			return joined, v.View, func() { stop(); cancel(); s.unlook(e.Views(), v) }, nil
		}
		// Its process has ended, which is not written down yet.
		if err := ended(ctx, down); err != nil {
			return nil, nil, nil, err
		}
	}
}

// lookLocked makes the view, or shares the one that there is. The caller holds the verb lock.
func (s *Service) lookLocked(ctx context.Context, e Container, held *provision.Holdings, files bool) (*shared, error) {
	c := e.Snapshot()
	switch c.State {
	case record.Removing, record.Removed, record.Dead:
		return nil, fault.New(fault.Conflict, "container %s is being removed", c.ID)
	}
	w := e.Views()
	w.mu.Lock()
	defer w.mu.Unlock()
	v := w.now
	if v == nil {
		made, err := s.host.Storage().View(ctx, c, held)
		if err != nil {
			return nil, err
		}
		v = &shared{View: made, gone: make(chan struct{}), of: c}
		v.ctx, v.cut = context.WithCancel(context.Background())
		w.now = v
	}
	v.users++
	if files {
		if err := s.bind(v.View, c); err != nil {
			s.leave(w, v)
			return nil, err
		}
	}
	return v, nil
}

// bind puts the container's volumes into its view. A source that is gone is no missing file of
// the container.
func (s *Service) bind(v *mount.View, c record.Container) error {
	binds, err := s.host.Storage().Binds(c, v.Bare)
	if err == nil {
		err = v.Bind(binds)
	}
	return fault.Wrap(fault.Internal, err, "the file system of container %s cannot be looked at", c.ID)
}

// unlook gives the view back.
func (s *Service) unlook(w *Views, v *shared) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s.leave(w, v)
}

// leave is unlook for who holds the lock. The last one lets the view go, beside what the
// caller does: that syncs.
func (s *Service) leave(w *Views, v *shared) {
	if v.users--; v.users > 0 {
		return
	}
	if w.now == v {
		w.now = nil
	}
	v.cut()
	close(v.gone)
	end := func() {
		v.Close()
		s.host.Storage().Unbind(v.of)
	}
	if !s.host.Later(end) {
		end()
	}
}

// End waits until nobody looks any more: for those who copy to be done, and then no longer. One who does not
// come back, from a file system that does not answer, keeps the view but holds nobody up. The caller
// holds the verb lock, so that nobody begins.
func (w *Views) End(patience time.Duration) {
	w.mu.Lock()
	v := w.now
	w.mu.Unlock()
	if v == nil || goneWithin(v, patience) {
		return
	}
	v.cut()
	if goneWithin(v, Patience) {
		return
	}
	w.mu.Lock()
	w.now = nil
	w.mu.Unlock()
}

func goneWithin(v *shared, patience time.Duration) bool {
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case <-v.gone:
		return true
	case <-t.C:
		return false
	}
}

// ended waits for the end of a run whose process has ended.
func ended(ctx context.Context, down <-chan struct{}) error {
	select {
	case <-down:
		return nil
	case <-ctx.Done():
		return fault.As(fault.Cancelled, ctx.Err())
	}
}

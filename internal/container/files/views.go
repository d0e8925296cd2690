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
	mu    sync.Mutex
	view  *mount.View // nil when nobody looks
	users int
	gone  chan struct{} // closed when the view is given back
	cut   context.CancelFunc
	ctx   context.Context // ends when the users must
}

// look gives a view of the container's file system, which with files is what the
// container sees, and without has nothing mounted in it. The context ends when the view has to be given back at once.
func (s *Service) look(ctx context.Context, e Container, files bool) (context.Context, *mount.View, func(), error) {
	for {
		if err := e.Lock(ctx); err != nil {
			return nil, nil, nil, err
		}
		held, down := e.Running()
		vctx, v, err := s.lookLocked(ctx, e, held, files)
		e.Unlock()
		if held == nil || !fault.Is(err, fault.NotFound) {
			if err != nil {
				return nil, nil, nil, err
			}
			joined, cancel := context.WithCancel(vctx)
			stop := context.AfterFunc(ctx, cancel)
			return joined, v, func() { stop(); cancel(); s.unlook(e) }, nil
		}
		// Its process has ended, which is not written down yet.
		if err := ended(ctx, down); err != nil {
			return nil, nil, nil, err
		}
	}
}

// lookLocked makes the view, or shares the one that there is. The caller holds the verb lock.
func (s *Service) lookLocked(ctx context.Context, e Container, held *provision.Holdings, files bool) (context.Context, *mount.View, error) {
	c := e.Snapshot()
	switch c.State {
	case record.Removing, record.Removed, record.Dead:
		return nil, nil, fault.New(fault.Conflict, "container %s is being removed", e.Snapshot().ID)
	}
	w := e.Views()
	w.mu.Lock()
	defer w.mu.Unlock()
	made := w.view == nil
	if made {
		var err error
		w.view, err = s.host.Storage().View(ctx, c, held)
		if err != nil {
			w.view = nil
			return nil, nil, err
		}
		w.ctx, w.cut = context.WithCancel(context.Background())
		w.gone = make(chan struct{})
	}
	if files {
		if err := s.bind(w.view, c); err != nil {
			if made {
				s.dropView(w)
			}
			return nil, nil, err
		}
	}
	w.users++
	return w.ctx, w.view, nil
}

// bind puts the container's volumes into its view. A source that is gone is no missing file of
// the container.
func (s *Service) bind(v *mount.View, c record.Container) error {
	binds, err := s.host.Storage().Binds(c)
	if err == nil {
		err = v.Bind(binds)
	}
	return fault.Wrap(fault.Internal, err, "the file system of container %s cannot be looked at", c.ID)
}

// unlook gives the view back. The last one lets it go, beside what the caller does: that syncs.
func (s *Service) unlook(e Container) {
	e.Views().mu.Lock()
	defer e.Views().mu.Unlock()
	if e.Views().users--; e.Views().users == 0 {
		s.dropView(e.Views())
	}
}

// dropView lets the view go. The caller holds the views' lock.
func (s *Service) dropView(w *Views) {
	v := w.view
	w.view = nil
	w.cut()
	close(w.gone)
	if !s.host.Later(v.Close) {
		v.Close()
	}
}

// End waits until nobody looks any more: for those who copy to be done, and then no longer.
// The caller holds the verb lock, so that nobody begins.
func (w *Views) End(patience time.Duration) {
	w.mu.Lock()
	if w.view == nil {
		w.mu.Unlock()
		return
	}
	gone, cut := w.gone, w.cut
	w.mu.Unlock()
	if patience > 0 {
		select {
		case <-gone:
			return
		case <-time.After(patience):
		}
	}
	cut()
	<-gone
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

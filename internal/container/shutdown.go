package container

import (
	"context"
	"sync"
	"time"

	"berth/internal/failpoint"
	"berth/internal/fault"
)

// stopGrace is how many seconds a daemon that ends waits longer than its
// slowest container has for its stop.
const stopGrace = 5

// Shutdown is the verbs of a daemon that does not leave containers behind.
type Shutdown struct{ *Service }

// StopAll ends every container, all at once, each with its own stop signal and
// its own time: for a daemon that takes its containers along. Nothing is started
// any more. Such an end is not a stop by hand: the next daemon does with it what the
// container's policy says of a daemon that starts. StopAll returns when all have
// ended, or the seconds are over and those of the slowest; negative waits for ever.
func (s Shutdown) StopAll(seconds int) error {
	s.leaving.Store(true)
	failpoint.At("shutdown.began")
	ctx, cancel := bounded(shutdownTime(seconds, s.List()))
	defer cancel()
	var ending []*entry
	for _, e := range s.index.All() {
		if state := e.snapshot().State; state.Up() || state == Starting {
			ending = append(ending, e)
		}
	}
	return s.takeDown(ctx, ending)
}

// StopLeft does so with the containers that an earlier daemon has left running, for a
// daemon that does not want to keep them; and then starts those whose policy says so.
func (s Shutdown) StopLeft(seconds int) error {
	ctx, cancel := bounded(shutdownTime(seconds, s.List()))
	defer cancel()
	var left []*entry
	for _, e := range s.index.All() {
		if l := e.live.Load(); l != nil && l.adopted {
			left = append(left, e)
		}
	}
	err := s.takeDown(ctx, left)
	for _, e := range left {
		if lerr := e.lock(ctx); lerr != nil {
			return lerr
		}
		recovery{Service: s.Service}.revive(e)
		e.unlock()
	}
	return err
}

// shutdownTime is how long the daemon waits for the ends of containers, in seconds;
// negative for ever. Docker waits in this way.
func shutdownTime(seconds int, list []Container) int {
	for i := range list {
		if !list[i].State.Up() && list[i].State != Starting {
			continue
		}
		switch own := stopTimeout(list[i], nil); {
		case own < 0 || seconds < 0:
			return -1
		default:
			seconds = max(seconds, own+stopGrace)
		}
	}
	return seconds
}

func bounded(seconds int) (context.Context, context.CancelFunc) {
	if seconds < 0 {
		return context.WithCancel(context.Background())
	}
	return context.WithTimeout(context.Background(), time.Duration(seconds)*time.Second)
}

// takeDown stops containers for the daemon's own sake, all at once.
func (s Shutdown) takeDown(ctx context.Context, ending []*entry) error {
	var work sync.WaitGroup
	for _, e := range ending {
		work.Go(func() {
			l, err := e.present(ctx)
			if err == nil && l != nil {
				l.passing.Store(true)
				err = s.signals().stop(ctx, e, l, StopOptions{})
			}
			if err != nil {
				s.deps.Warn("container %s cannot be stopped: %v", e.id, err)
			}
		})
	}
	done := make(chan struct{})
	go func() { work.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fault.New(fault.Internal, "not all containers have ended in time")
	}
}

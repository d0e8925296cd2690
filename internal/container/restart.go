package container

import (
	"context"

	"berth/internal/container/restart"
	"berth/internal/event"
	"berth/internal/failpoint"
	"berth/internal/fault"
)

// Restart stops a container, if it runs, and starts it. One that goes away by
// itself stays: its end is not the container's. Every failure is an Internal
// one, as in Docker.
func (s Changes) Restart(ctx context.Context, ref string, opts StopOptions) error {
	e, err := s.index.Find(ref)
	if err != nil {
		return err
	}
	if err := s.stopAndStart(ctx, e, opts); err != nil {
		return fault.New(fault.Internal, "Cannot restart container %s: %v", ref, err)
	}
	return nil
}

func (s Changes) stopAndStart(ctx context.Context, e *entry, opts StopOptions) error {
	if _, err := stopSignal(e.snapshot(), opts.Signal); err != nil {
		return err
	}
	l, off, err := s.runs().interrupt(ctx, e, restart.Stopped)
	if err != nil {
		return err
	}
	if off {
		s.tells.Of(e.snapshot(), event.Stop)
	}
	if l != nil {
		l.again.Store(true)
		defer l.again.Store(false)
		if err := s.signals().stop(ctx, e, l, opts); err != nil {
			return err
		}
	}
	failpoint.At("restart.stopped")
	err = s.Start(context.WithoutCancel(ctx), e.id)
	if fault.Is(err, fault.NotModified) { // somebody else was faster
		err = nil
	}
	if err == nil {
		failpoint.At("restart.started")
		s.tells.Of(e.snapshot(), event.Restart)
	}
	return err
}

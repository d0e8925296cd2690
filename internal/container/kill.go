package container

import (
	"context"
	"errors"

	"github.com/moby/sys/signal"
	"golang.org/x/sys/unix"

	"berth/internal/container/record"
	"berth/internal/container/restart"
	"berth/internal/event"
	"berth/internal/fault"
)

// Kill sends a signal to a running container's first process; with SIGKILL
// (the default) it returns when the container has ended.
func (s *Service) Kill(ctx context.Context, ref, word string) (err error) {
	defer func() { err = fault.Wrap(fault.KindOf(err), err, "cannot kill container: %s", ref) }()
	e, err := s.index.Find(ref)
	if err != nil {
		return err
	}
	if word == "" {
		word = "SIGKILL"
	}
	sig, err := stopSignal(Container{}, word)
	if err != nil {
		return err
	}
	if !signal.ValidSignalForPlatform(sig) {
		return fault.New(fault.Invalid, "the linux daemon does not support signal %d", uint64(sig))
	}
	var own unix.Signal // the container's stop signal, if it has one
	if e.snapshot().Config.StopSignal != "" {
		if own, err = stopSignal(e.snapshot(), ""); err != nil {
			return err
		}
	}
	asked := restart.ByKill(sig, own)
	l, off, err := s.runs().interrupt(ctx, e, asked)
	if err != nil || off {
		return err
	}
	if l == nil {
		return record.NotRunning(e.id)
	}
	if sig == unix.SIGKILL {
		err = s.signals().kill(ctx, e, l, event.Kill)
	} else if err = s.signals().send(ctx, e, l, sig, event.Kill); err == nil && asked == restart.Stopped {
		s.signals().wake(e, l)
	}
	switch {
	case isGone(err):
		return record.NotRunning(e.id)
	case err != nil:
		return err
	case sig == unix.SIGKILL:
		return awaitDown(ctx, l.down)
	}
	return nil
}

// isGone reports that a signal met no process any more.
func isGone(err error) bool { return errors.Is(err, unix.ESRCH) }

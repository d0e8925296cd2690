package container

import (
	"context"

	"berth/internal/container/notice"
	"berth/internal/container/provision"
	"berth/internal/container/restart"
	"berth/internal/event"
	"berth/internal/failpoint"
	"berth/internal/fault"
	"berth/internal/peer"
)

// RemoveOptions widen a removal.
type RemoveOptions struct {
	Force   bool // kill a running one first
	Volumes bool // its anonymous volumes too
}

// Remove forgets a container and deletes what is its own.
func (s *Service) Remove(ctx context.Context, ref string, opts RemoveOptions) error {
	e, err := s.index.Find(ref)
	if err != nil {
		return err
	}
	if e.snapshot().State == Removing && !opts.Force {
		return goes(ref)
	}
	if err := e.lock(ctx); err != nil {
		return err
	}
	// Somebody may start it again between its end and our turn: then it is killed again.
	for e.live.Load() != nil && opts.Force {
		l := e.live.Load()
		e.unlock()
		if err := s.signals().end(ctx, e, l); err != nil {
			return err
		}
		if err := e.lock(ctx); err != nil {
			return err
		}
	}
	defer e.unlock()
	if opts.Force && e.snapshot().State == Restarting {
		if err := s.runs().stayDown(e, restart.Stopped); err != nil {
			return err
		}
	}
	switch c := e.snapshot(); c.State {
	case Removed: // an AutoRemove, or another client, came first
		if opts.Force {
			return nil
		}
		return goes(ref)
	case Paused:
		return fault.New(fault.Conflict, "cannot remove container %q: container is paused and must be unpaused first", "/"+c.Name)
	case Running, Starting, Restarting:
		word := map[bool]string{true: "restarting", false: "running"}[c.State == Restarting]
		return fault.New(fault.Conflict, "cannot remove container %q: container is %s: stop the container before removing or force remove", "/"+c.Name, word)
	}
	if opts.Volumes {
		if err := provision.Loose(s.host.Storage(), e.snapshot()); err != nil {
			return err
		}
	}
	return s.runs().discard(ctx, e, opts.Volumes)
}

// goes is the answer to who asks for a removal that another has begun. By force there is no such
// answer: what was asked for comes true.
func goes(ref string) error {
	return fault.New(fault.Conflict, "removal of container %s is already in progress", ref)
}

// end kills a run and waits until its end is recorded.
func (s signals) end(ctx context.Context, e *entry, l *live) error {
	l.ask(restart.Stopped)
	if err := s.kill(ctx, e, l, "remove"); err != nil && !isGone(err) {
		return err
	}
	return awaitDown(ctx, l.down)
}

// discard removes a container that does not run, for who asked by ctx. The caller
// holds the verb lock.
func (s runs) discard(ctx context.Context, e *entry, volumes bool) error {
	c, err := e.step(RemoveBegan, nil)
	if err != nil {
		return err
	}
	failpoint.At("remove.began")
	err = s.forget(c, volumes)
	failpoint.At("remove.recorded")
	s.host.Warmth().Forget(c.ID)
	e.views.End(0)
	if err == nil {
		err = s.host.Storage().ThrowAway(c.ID)
	}
	if err != nil {
		e.step(RemoveFailed, nil)
		err = fault.Wrap(fault.Internal, err, "cannot remove container %q", "/"+c.Name)
		e.waiting.Answer(WaitResult{Code: c.Run.ExitCode, Err: err.Error()}, WaitRemoved)
		return err
	}
	failpoint.At("remove.thrown-away")
	closeLog(e)
	s.index.Drop(c.ID, c.Name)
	s.host.Storage().LeaveVolumes(c, volumes)
	failpoint.At("remove.volumes-removed")
	e.step(RemoveDone, nil)
	e.hub.Abort(nil)
	failpoint.At("remove.shown")
	if !s.tells.Told(c, event.Destroy) {
		s.tells.By(&notice.Asker{By: peer.From(ctx), Verb: "remove"}, c, event.Destroy)
	}
	failpoint.At("remove.told")
	s.forgotten(c)
	e.tell(WaitNotRunning, WaitNextExit, WaitRemoved)
	return nil
}

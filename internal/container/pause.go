package container

import (
	"context"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/container/notice"
	"berth/internal/container/record"
	"berth/internal/event"
	"berth/internal/failpoint"
	"berth/internal/fault"
	"berth/internal/linux/pidfd"
	"berth/internal/peer"
)

// freezeTime bounds a freezing: a process that is deep in the kernel stops only
// when it comes out of it.
const freezeTime = 10 * time.Second

// Changes is the verbs that change a container that is there.
type Changes struct{ *Service }

// Changes returns those verbs.
func (s *Service) Changes() Changes { return Changes{s} }

// Pause freezes every process of a running container. That it is paused stands
// in the kernel's freezer and nowhere else: there a daemon that starts looks, and
// a machine that starts has nothing paused. So there is nothing to commit.
func (s Changes) Pause(ctx context.Context, ref string) error {
	e, err := s.index.Find(ref)
	if err != nil {
		return err
	}
	if err := e.lock(ctx); err != nil {
		return err
	}
	defer e.unlock()
	l := e.live.Load()
	switch state := e.snapshot().State; {
	case state == Paused:
		return fault.New(fault.Conflict, "container %s is already paused", e.id)
	case state != Running || l == nil:
		return record.NotRunning(e.id)
	}
	if err := freeze(ctx, l); err != nil {
		return fault.Wrap(fault.KindOf(err), err, "cannot pause container %s", e.id)
	}
	failpoint.At("pause.frozen")
	c, err := e.step(Froze, nil)
	if err != nil {
		return err
	}
	s.probes.Unwatch(&e.health, e.id)
	failpoint.At("pause.shown")
	s.tells.Of(c, event.Pause)
	// Who kills it either sees it paused, and lets it go, or is seen here.
	if l.ending.Load() {
		if err := s.signals().thaw(e, l); err != nil {
			return err
		}
		return record.NotRunning(e.id)
	}
	return nil
}

// freeze stops a run's processes; when that fails they run on.
func freeze(ctx context.Context, l *live) error {
	if l.Group == nil {
		return fault.New(fault.Unsupported, "its control group is not known")
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), freezeTime)
	defer cancel()
	err := l.Group.Freeze(ctx)
	if fault.Is(err, fault.Cancelled) {
		return fault.As(fault.Internal, err) // it is not the client that was late
	}
	return err
}

// Unpause lets a paused container run on.
func (s Changes) Unpause(ctx context.Context, ref string) error {
	e, err := s.index.Find(ref)
	if err != nil {
		return err
	}
	if err := e.lock(ctx); err != nil {
		return err
	}
	defer e.unlock()
	l := e.live.Load()
	if e.snapshot().State != Paused || l == nil {
		return fault.New(fault.Internal, "Container %s is not paused", e.id) // an Internal one in Docker too
	}
	return s.signals().thaw(e, l)
}

// signals is what reaches a run from outside: a signal to act on, and the time for that.
type signals struct{ *Service }

func (s *Service) signals() signals { return signals{s} }

// thaw lets a frozen run go on. The caller holds the verb lock.
func (s signals) thaw(e *entry, l *live) error {
	ctx, cancel := context.WithTimeout(context.Background(), freezeTime)
	defer cancel()
	if err := l.Group.Thaw(ctx); err != nil && !pidfd.Ended(l.Pidfd) {
		return fault.Wrap(fault.Internal, err, "cannot unpause container %s", e.id)
	}
	failpoint.At("unpause.thawed")
	c, err := e.step(Thawed, nil)
	if err != nil {
		return err
	}
	s.tells.Of(c, event.Unpause)
	s.runs().watch(e, l, false)
	return nil
}

// wake lets a run go on that a signal has been sent to, if it is paused: it acts
// on the signal then. What fails is told to nobody who waits: they see that it does not end.
func (s signals) wake(e *entry, l *live) {
	if e.snapshot().State != Paused {
		return
	}
	if e.lock(context.Background()) != nil {
		return
	}
	defer e.unlock()
	if e.snapshot().State != Paused || e.live.Load() != l {
		return
	}
	if err := s.thaw(e, l); err != nil {
		s.deps.Warn("%v", err)
	}
}

// send sends a signal to a run's first process for who asked by a verb, and tells of
// it. An end that it brings is told afterwards: see exited.
func (s signals) send(ctx context.Context, e *entry, l *live, sig unix.Signal, verb string) error {
	l.telling.Lock()
	defer l.telling.Unlock()
	if err := pidfd.Send(l.Pidfd, sig); err != nil {
		return err
	}
	failpoint.At("signal.sent")
	s.tells.By(&notice.Asker{By: peer.From(ctx), Verb: verb}, e.snapshot(), event.Kill, "signal", strconv.Itoa(int(sig)))
	return nil
}

// kill ends a run for good, be it paused.
func (s signals) kill(ctx context.Context, e *entry, l *live, verb string) error {
	l.ending.Store(true)
	err := s.send(ctx, e, l, unix.SIGKILL, verb)
	if err == nil {
		s.wake(e, l)
	}
	return err
}

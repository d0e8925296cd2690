package container

import (
	"cmp"
	"context"
	"math"
	"time"

	"github.com/moby/sys/signal"
	"golang.org/x/sys/unix"

	"berth/internal/container/notice"
	"berth/internal/container/provision"
	"berth/internal/container/restart"
	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/peer"
)

const defaultStopTimeout = 10 // seconds

// StopOptions override what the container says of its stop.
type StopOptions struct {
	Signal  string
	Timeout *int   // seconds; negative waits for ever
	verb    string // what it is part of; "" is a stop
}

// Stop asks a container to end, and kills it when it has not after a while.
// NotModified when it does not run. A client that goes away meanwhile changes
// nothing: the container still gets its time, and then ends.
func (s *Service) Stop(ctx context.Context, ref string, opts StopOptions) error {
	e, err := s.index.Find(ref)
	if err != nil {
		return err
	}
	if _, err := stopSignal(e.snapshot(), opts.Signal); err != nil {
		return err
	}
	l, off, err := s.runs().interrupt(ctx, e, restart.Stopped)
	if err != nil {
		return err
	}
	if off {
		s.tells.By(&notice.Asker{By: peer.From(ctx), Verb: event.Stop}, e.snapshot(), event.Stop)
		return nil
	}
	if l == nil {
		return fault.New(fault.NotModified, "container %s is already stopped", e.id)
	}
	return s.signals().stop(ctx, e, l, opts)
}

// stop asks a run to end, and kills it when it has not after a while.
func (s signals) stop(ctx context.Context, e *entry, l *live, opts StopOptions) error {
	c := e.snapshot()
	sig, err := stopSignal(c, opts.Signal)
	if err != nil {
		return err
	}
	verb := cmp.Or(opts.verb, event.Stop)
	l.stopper.Store(&notice.Asker{By: peer.From(ctx), Verb: verb})
	if err := s.send(ctx, e, l, sig, verb); err != nil && !isGone(err) {
		return err
	}
	s.wake(e, l)
	var expired <-chan time.Time
	if seconds := stopTimeout(c, opts.Timeout); seconds >= 0 {
		t := time.NewTimer(time.Duration(min(seconds, math.MaxInt32)) * time.Second) // more would overflow
		defer t.Stop()
		expired = t.C
	}
	select {
	case <-l.down:
		return nil
	case <-expired:
	}
	if err := s.kill(ctx, e, l, verb); err != nil && !isGone(err) {
		return err
	}
	return awaitDown(context.WithoutCancel(ctx), l.down)
}

func awaitDown(ctx context.Context, down <-chan struct{}) error {
	t := time.NewTimer(provision.KillTime)
	defer t.Stop()
	select {
	case <-down:
		return nil
	case <-ctx.Done():
		return fault.As(fault.Cancelled, ctx.Err())
	case <-t.C:
		return fault.New(fault.Internal, "tried to kill container, but did not receive an exit event")
	}
}

func stopSignal(c Container, asked string) (unix.Signal, error) {
	word := asked
	if word == "" {
		word = c.Config.StopSignal
	}
	if word == "" {
		return unix.SIGTERM, nil
	}
	sig, err := signal.ParseSignal(word)
	if err != nil {
		return 0, fault.New(fault.Invalid, "invalid signal: %s", word)
	}
	return sig, nil
}

func stopTimeout(c Container, asked *int) int {
	switch {
	case asked != nil:
		return *asked
	case c.Config.StopTimeout != nil:
		return *c.Config.StopTimeout
	}
	return defaultStopTimeout
}

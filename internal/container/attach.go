package container

import (
	"context"
	"errors"

	"berth/internal/container/record"
	"berth/internal/container/stdio"
	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/stream"
)

// AttachOptions say what a client wants of a container's streams.
type AttachOptions struct {
	Logs       bool // what was written before
	Stream     bool // what is written from now on
	DetachKeys string
	Open       stdio.Opener
}

// Streams is the verbs about what containers read and write.
type Streams struct{ *Service }

// Attach joins a client to a container's streams until the container has
// ended or the client detaches, which is no error. A container that does not
// run is waited for: its next run is what the client sees.
func (s Streams) Attach(ctx context.Context, ref string, opts AttachOptions) error {
	e, err := s.index.Find(ref)
	if err != nil {
		return err
	}
	c := e.snapshot()
	keys, err := stream.DetachKeys(opts.DetachKeys)
	if err != nil {
		return fault.New(fault.Invalid, "Invalid detach keys (%s) provided", opts.DetachKeys)
	}
	if c.State == Removed || c.State == Removing || c.State == Dead {
		return fault.New(fault.Conflict, "container %s is being removed", e.id)
	}
	if c.State == Restarting {
		return record.Idle(e.snapshot())
	}
	if c.State == Paused {
		return fault.New(fault.Conflict, "container %s is paused, unpause the container before attach", ref)
	}
	var place *stream.Member
	if opts.Stream {
		place = e.hub.Join(c.State == Running)
		defer place.Leave()
	}
	// A removal shows its state first and lets the clients go then: who took a
	// place too late for that sees the state here, and does not wait for ever.
	if now := e.snapshot().State; now == Removed || now == Removing || now == Dead {
		return fault.New(fault.Conflict, "container %s is being removed", e.id)
	}
	if opts.Logs {
		if err := logsOf(s.deps).of(c).Readable(); err != nil {
			return err
		}
	}
	in, out, errs, err := opts.Open(c.Config.Tty)
	if err != nil {
		return err
	}
	s.tells.Of(c, event.Attach)
	if opts.Logs {
		if err := logsOf(s.deps).copy(ctx, e, LogOptions{Stdout: out != nil, Stderr: errs != nil, Tail: -1}, out, errs); err != nil {
			return err
		}
	}
	if place == nil {
		return nil
	}
	err = place.Serve(ctx, stream.Client{Stdin: in, Stdout: out, Stderr: errs, DetachKeys: keys})
	if errors.Is(err, stream.ErrDetached) {
		s.tells.Of(e.snapshot(), event.Detach)
	}
	if errors.Is(err, stream.ErrDetached) || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

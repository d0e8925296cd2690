package container

import (
	"context"
	"errors"
	"fmt"

	"berth/internal/cli/engine"
	"berth/internal/cli/session"
	"berth/internal/detach"

	"github.com/moby/moby/api/types/container"
)

// attached is a container that this client starts and stays with.
type attached struct {
	session *session.Session
	client  *engine.Client
	id      string
	tty     bool
	removed bool // the daemon removes it, and that is waited for
	options engine.AttachOptions
}

// startFailure is an error of the start itself.
type startFailure struct{ err error }

func (f *startFailure) Error() string { return f.err.Error() }
func (f *startFailure) Unwrap() error { return f.err }

// run attaches and registers for the end, both at once, then starts, and
// stays until the container ended or the user detached. The container's exit
// code comes back as a StatusError.
func (a *attached) run(ctx context.Context, start func(context.Context) error) error {
	conn, waiter, err := a.register(ctx)
	if err != nil {
		return err
	}
	defer waiter.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	streamed := make(chan error, 1)
	if conn == nil {
		streamed <- nil
	} else {
		defer func() { _ = conn.Close() }()
		x := &streams{
			session: a.session, conn: conn, tty: a.tty, detachKeys: a.options.DetachKeys,
			stdin: a.options.Stdin, out: a.options.Stdout, stderr: a.options.Stderr,
		}
		go func() { streamed <- x.run(ctx) }()
	}
	if err := start(ctx); err != nil {
		cancel()
		<-streamed
		if a.removed {
			_, _ = waiter.Result()
		}
		return &startFailure{err: err}
	}
	if a.tty && a.session.IsOutTerminal() {
		defer followSize(ctx, a.session, func(ctx context.Context, h, w uint) error {
			return a.client.Containers().Resize(ctx, a.id, h, w)
		})()
	}
	return a.wait(cancel, streamed, waiter)
}

// register opens the attach connection and the wait beside each other.
func (a *attached) register(ctx context.Context) (*engine.Stream, *engine.Waiter, error) {
	condition := container.WaitConditionNextExit
	if a.removed {
		condition = container.WaitConditionRemoved
	}
	type result struct {
		waiter *engine.Waiter
		err    error
	}
	waiting := make(chan result, 1)
	go func() {
		w, err := a.client.Containers().Wait(ctx, a.id, condition)
		waiting <- result{w, err}
	}()
	var conn *engine.Stream
	var err error
	if a.options.Stdin || a.options.Stdout || a.options.Stderr {
		conn, err = a.client.Containers().Attach(ctx, a.id, a.options)
	}
	r := <-waiting
	if err == nil && r.err == nil {
		return conn, r.waiter, nil
	}
	if conn != nil {
		_ = conn.Close()
	}
	if r.waiter != nil {
		r.waiter.Close()
	}
	if err == nil {
		err = r.err
	}
	return nil, nil, err
}

// wait stays until streams and container have ended, whichever is first.
func (a *attached) wait(cancel func(), streamed chan error, waiter *engine.Waiter) error {
	ended := make(chan error, 1)
	go func() { ended <- exitStatus(waiter) }()
	select {
	case err := <-streamed:
		if errors.Is(err, detach.Detached{}) {
			return nil
		}
		if err != nil {
			return err
		}
		return <-ended
	case status := <-ended:
		// Output may still be on its way; without output nothing else ends the copy.
		if !a.options.Stdout && !a.options.Stderr {
			cancel()
		}
		<-streamed
		return status
	}
}

// exitStatus turns the end of a container into the client's.
func exitStatus(waiter *engine.Waiter) error {
	result, err := waiter.Result()
	switch {
	case err != nil:
		return &session.StatusError{Code: 125, Text: fmt.Sprintf("error waiting for container: %v", err), Cause: err}
	case result.Error != nil:
		return &session.StatusError{Code: 125, Text: "Error waiting for container: " + result.Error.Message}
	case result.StatusCode != 0:
		return &session.StatusError{Code: int(result.StatusCode)}
	}
	return nil
}

package stream

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

// ErrDetached is returned by Attach when the client typed its detach keys.
var ErrDetached = errors.New("detached")

// Client is someone who attaches: nil streams are not wanted.
type Client struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// DetachKeys ends the attachment when typed on a terminal, as bytes;
	// empty means never.
	DetachKeys []byte
	// Present serves the present run only: without one Attach returns at once.
	Present bool
	// Registered is called once the client would miss nothing.
	Registered func()
}

type client struct {
	Client
	once  sync.Once
	ended chan struct{}
	err   error
}

func (c *client) writer(stream byte) io.Writer {
	if stream == Stderr {
		return c.Stderr
	}
	return c.Stdout
}

func (c *client) end(err error) {
	c.once.Do(func() {
		c.err = err
		close(c.ended)
	})
}

// Attach serves one client until the run that it watches has ended (nil), it
// detached (ErrDetached), its writers failed, or ctx is done. Between runs it
// waits for the next one.
func (h *Hub) Attach(ctx context.Context, who Client) error {
	c := &client{Client: who, ended: make(chan struct{})}
	h.mu.Lock()
	if who.Present && h.run == nil {
		c.end(nil)
	} else {
		h.clients[c] = struct{}{}
	}
	h.mu.Unlock()
	defer h.drop(c, nil)
	if who.Registered != nil {
		who.Registered()
	}
	detached := make(chan error, 1)
	if who.Stdin != nil {
		go func() { h.copyIn(c, detached) }()
	}
	select {
	case <-c.ended:
		return c.err
	case err := <-detached:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// copyIn gives a client's input to the process of the run it watches.
func (h *Hub) copyIn(c *client, detached chan<- error) {
	r := h.current(c)
	if r == nil {
		return
	}
	in := c.Stdin
	if r.ends.TTY && len(c.DetachKeys) > 0 {
		in = newEscape(c.Stdin, c.DetachKeys)
	}
	if r.ends.Stdin == nil {
		_, err := io.Copy(io.Discard, in)
		notifyDetach(err, detached)
		return
	}
	_, err := io.CopyBuffer(writerOnly{r}, readerOnly{in}, make([]byte, 32<<10))
	if notifyDetach(err, detached) {
		return
	}
	if r.ends.StdinOnce && !r.ends.TTY {
		r.closeStdin(true)
	}
}

func notifyDetach(err error, detached chan<- error) bool {
	if errors.Is(err, ErrDetached) {
		detached <- ErrDetached
		return true
	}
	return false
}

// current waits for the run that the client watches.
func (h *Hub) current(c *client) *run {
	for {
		h.mu.Lock()
		r, started := h.run, h.started
		h.mu.Unlock()
		if r != nil {
			return r
		}
		select {
		case <-started:
		case <-c.ended:
			return nil
		}
	}
}

// Write gives input to the process.
func (r *run) Write(p []byte) (int, error) {
	r.stdin.Lock()
	if r.shut {
		r.stdin.Unlock()
		return 0, io.ErrClosedPipe
	}
	f := r.ends.Stdin
	r.stdin.Unlock()
	return f.Write(p) // may wait for the process; a close ends the wait
}

// WaitDone waits until the present run's output is delivered, at most d.
func (h *Hub) WaitDone(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-h.Done():
		return true
	case <-t.C:
		return false
	}
}

type writerOnly struct{ io.Writer }
type readerOnly struct{ io.Reader }

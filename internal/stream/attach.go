package stream

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"berth/internal/detach"
)

// ErrDetached is returned by Attach when the client typed its detach keys.
var ErrDetached = errors.New("detached")

// DetachKeys reads a --detach-keys word; empty means the default ctrl-p,ctrl-q.
func DetachKeys(word string) ([]byte, error) {
	if word == "" {
		return detach.DefaultKeys(), nil
	}
	return detach.ParseKeys(word)
}

// Client is what someone who attaches brings: nil streams are not wanted.
type Client struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// DetachKeys ends the attachment when typed on a terminal, as bytes;
	// empty means never.
	DetachKeys []byte
}

// Member is a client's place at a hub. From Join on it misses nothing: output
// waits until Serve has brought the streams.
type Member struct {
	Client
	hub   *Hub
	ready chan struct{} // closed when Client is filled in
	ended chan struct{}
	once  sync.Once
	err   error
}

// Join takes a place: at the present run, or between runs at the next one.
// With present, and while a run that is over has not been settled, a place
// between runs has ended already. The caller serves or leaves it.
func (h *Hub) Join(present bool) *Member {
	m := &Member{hub: h, ready: make(chan struct{}), ended: make(chan struct{})}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.run == nil && (present || h.over) {
		m.end(nil)
	} else {
		h.members[m] = struct{}{}
	}
	return m
}

// Leave gives the place up.
func (m *Member) Leave() { m.hub.drop(m, nil) }

// Serve serves the client until the run that it watches has ended (nil), it
// detached (ErrDetached), its writers failed, or ctx is done.
func (m *Member) Serve(ctx context.Context, c Client) error {
	defer m.Leave()
	m.Client = c
	close(m.ready)
	detached := make(chan error, 1)
	if c.Stdin != nil {
		go m.hub.copyIn(m, detached)
	}
	select {
	case <-m.ended:
		return m.err
	case err := <-detached:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// writer returns where a stream's output goes, nil when nobody wants it.
func (m *Member) writer(stream byte) io.Writer {
	select {
	case <-m.ready:
	case <-m.ended:
		return nil
	}
	if stream == Stderr {
		return m.Stderr
	}
	return m.Stdout
}

func (m *Member) end(err error) {
	m.once.Do(func() {
		m.err = err
		close(m.ended)
	})
}

// copyIn gives a client's input to the process of the run it watches.
func (h *Hub) copyIn(c *Member, detached chan<- error) {
	r := h.current(c)
	if r == nil {
		return
	}
	in := c.Stdin
	if r.ends.TTY && len(c.DetachKeys) > 0 {
		in = detach.NewReader(c.Stdin, c.DetachKeys)
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
	var typed detach.Detached
	if errors.As(err, &typed) {
		detached <- ErrDetached
		return true
	}
	return false
}

// current waits for the run that the client watches.
func (h *Hub) current(c *Member) *run {
	for {
		h.mu.Lock()
		r, started := h.run, h.started
		h.mu.Unlock()
		if r == nil {
			select {
			case <-started:
				continue
			case <-c.ended:
				return nil
			}
		}
		select {
		case <-c.ended: // r may be the run after the one that it watched
			return nil
		default:
			return r
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

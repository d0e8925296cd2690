// Package stream joins a process's input and output with its log and with
// everyone who is attached to it.
//
// A Hub belongs to a container (or exec) and outlives its runs: a client may
// attach before the start and is then served by the next run. Output goes to
// the log first and then to the clients, each chunk in the order it was read.
package stream

import (
	"os"
	"sync"
	"time"
)

// The streams of a process.
const (
	Stdout byte = 1
	Stderr byte = 2
)

// Sink takes output in, chunk by chunk, before any client sees it.
type Sink func(stream byte, t time.Time, chunk []byte) error

// Ends are the engine's ends of a running process's streams; nil where there
// is none. With a terminal, Stdin and Stdout are the same pty master.
type Ends struct {
	Stdin, Stdout, Stderr *os.File
	TTY                   bool
	// StdinOnce closes the process's input when the first client's ends.
	StdinOnce bool
	// CloseStdin is told when the input is closed, so that others who hold
	// the pipe can close it too.
	CloseStdin func()
}

// Hub is where output fans out and input comes in.
type Hub struct {
	mu      sync.Mutex
	members map[*Member]struct{}
	run     *run          // the present run, nil between runs
	over    bool          // a run's output has ended and Settle has not been called
	started chan struct{} // closed when a run begins
}

// run is one life of the process.
type run struct {
	ends  Ends
	done  chan struct{} // closed when all output has been delivered
	stdin sync.Mutex    // guards writes to and the closing of ends.Stdin
	shut  bool          // the input has been closed
}

// NewHub returns a hub without a run.
func NewHub() *Hub {
	return &Hub{members: map[*Member]struct{}{}, started: make(chan struct{})}
}

// Run serves one run: it copies output to sink and clients until every stream
// has ended, then lets the clients go. It returns at once; Done tells the end.
// A run before it that has not come to its end (Interrupt) has no clients any more.
func (h *Hub) Run(ends Ends, sink Sink) {
	r := &run{ends: ends, done: make(chan struct{})}
	h.mu.Lock()
	h.run, h.over = r, false
	close(h.started)
	h.started = make(chan struct{})
	h.mu.Unlock()

	var copies sync.WaitGroup
	if ends.Stdout != nil {
		copies.Go(func() { h.copyOut(r, Stdout, ends.Stdout, sink) })
	}
	if ends.Stderr != nil {
		copies.Go(func() { h.copyOut(r, Stderr, ends.Stderr, sink) })
	}
	go func() {
		copies.Wait()
		h.finish(r)
	}()
}

// finish closes the run's ends and lets its clients go, as one step. Who
// attaches between it and Settle comes too late for this run and is let go too.
func (h *Hub) finish(r *run) {
	r.closeStdin(false)
	if r.ends.Stdout != nil {
		r.ends.Stdout.Close()
	}
	if r.ends.Stderr != nil {
		r.ends.Stderr.Close()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	close(r.done)
	if h.run != r {
		return // the next run has begun
	}
	for c := range h.members {
		c.end(nil)
	}
	clear(h.members)
	h.run, h.over = nil, true
}

// Settle says that the end of the last run is known to all: who attaches from
// now on waits for the next.
func (h *Hub) Settle() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.over = false
}

// Done returns a channel that is closed when the present run's output has all
// been delivered; with no run it is closed already.
func (h *Hub) Done() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.run == nil {
		c := make(chan struct{})
		close(c)
		return c
	}
	return h.run.done
}

// Live reports whether a run is under way whose output has not ended.
func (h *Hub) Live() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.run != nil
}

// Abort lets all clients go with err: the start that they waited for failed,
// or the container is gone.
func (h *Hub) Abort(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.members {
		c.end(err)
	}
	clear(h.members)
}

// Interrupt ends the reading of the present run's output, for processes that
// left their pipes to others when they ended.
func (h *Hub) Interrupt() {
	h.mu.Lock()
	r := h.run
	h.mu.Unlock()
	if r == nil {
		return
	}
	for _, f := range []*os.File{r.ends.Stdout, r.ends.Stderr} {
		if f != nil {
			f.SetReadDeadline(time.Now())
		}
	}
}

// deliver gives a run's chunk to every client. A client that cannot take it is let go.
func (h *Hub) deliver(r *run, stream byte, chunk []byte) {
	h.mu.Lock()
	if h.run != r {
		h.mu.Unlock()
		return
	}
	clients := make([]*Member, 0, len(h.members))
	for c := range h.members {
		clients = append(clients, c)
	}
	h.mu.Unlock()
	for _, c := range clients {
		if w := c.writer(stream); w != nil {
			if _, err := w.Write(chunk); err != nil {
				h.drop(c, err)
			}
		}
	}
}

func (h *Hub) drop(c *Member, err error) {
	h.mu.Lock()
	delete(h.members, c)
	h.mu.Unlock()
	c.end(err)
}

// closeStdin closes the process's input once; tell says whether the others who
// hold it have to hear of it.
func (r *run) closeStdin(tell bool) {
	r.stdin.Lock()
	defer r.stdin.Unlock()
	if r.shut || r.ends.Stdin == nil {
		return
	}
	r.shut = true
	if r.ends.Stdin != r.ends.Stdout {
		r.ends.Stdin.Close()
	}
	if tell && r.ends.CloseStdin != nil {
		r.ends.CloseStdin()
	}
}

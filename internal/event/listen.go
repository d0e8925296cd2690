package event

import (
	"context"
	"errors"
	"io"
	"time"

	"berth/internal/fault"
)

// Range says which events a listener wants. With a Since or an Until those that
// are kept come first, and those to come follow without a gap; without, only those
// to come. Zero times are no bounds.
type Range struct {
	Since, Until time.Time
}

// Listener gets events in their order. It is used by one goroutine.
type Listener struct {
	log    *Log
	within bounds
	past   *replay // nil when it has been read
	until  *time.Timer
	over   bool          // the end of the range has come
	wake   chan struct{} // holds one when there may be something new

	next uint64 // number of the next live event; guarded by log.mu
	cut  bool   // let go; guarded by log.mu
}

// Listen begins to listen. The caller closes the Listener.
func (l *Log) Listen(want Range) (*Listener, error) {
	h := &Listener{log: l, within: between(want.Since, want.Until), wake: make(chan struct{}, 1)}
	if !want.Until.IsZero() {
		h.until = time.NewTimer(time.Until(want.Until))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !want.Since.IsZero() || !want.Until.IsZero() {
		var err error
		// Under the lock: what is in the file now is not told live, and the rest is.
		if h.past, err = l.store.kept(); err != nil {
			return nil, err
		}
	}
	h.next = l.next
	l.heard[h] = nil
	return h, nil
}

// poke tells a listener that there is something for it. It never waits.
func (h *Listener) poke() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// Next returns the next event; io.EOF when the range has ended, an Unavailable
// error when the listener was too slow or the log is closed, and ctx's error.
func (h *Listener) Next(ctx context.Context) (Message, error) {
	if h.past != nil {
		m, err := h.past.next(h.within)
		if err == nil || !errors.Is(err, io.EOF) {
			return m, err
		}
		h.past.Close()
		h.past = nil
	}
	var ended <-chan time.Time
	if h.until != nil {
		ended = h.until.C
	}
	for {
		m, ok, err := h.take()
		switch {
		case err != nil:
			return Message{}, err
		case ok:
			return m, nil
		case h.over: // and nothing that came before the end is left
			return Message{}, io.EOF
		}
		select {
		case <-h.wake:
		case <-ended:
			h.over = true
		case <-ctx.Done():
			return Message{}, ctx.Err()
		}
	}
}

// take returns the next live event within the bounds, if there is one.
func (h *Listener) take() (m Message, ok bool, err error) {
	h.log.mu.Lock()
	defer h.log.mu.Unlock()
	if h.log.next-h.next > recent {
		return Message{}, false, fault.New(fault.Unavailable, "events came faster than they were taken: %d are in the way", h.log.next-h.next)
	}
	for h.next < h.log.next {
		m = h.log.ring[h.next%recent]
		h.next++
		if h.within.include(m.Time.UnixNano()) {
			return m, true, nil
		}
	}
	if h.cut {
		return Message{}, false, fault.New(fault.Unavailable, "the daemon is shutting down")
	}
	return Message{}, false, nil
}

// Close ends the listening.
func (h *Listener) Close() {
	if h.until != nil {
		h.until.Stop()
	}
	if h.past != nil {
		h.past.Close()
	}
	h.log.mu.Lock()
	defer h.log.mu.Unlock()
	delete(h.log.heard, h)
}

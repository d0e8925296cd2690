package logdriver

import (
	"slices"
	"sync"
	"time"

	"berth/internal/fault"
	"berth/internal/logfile"
)

// ring holds messages for a driver that may wait, so that the container does
// not. When it is full the oldest go.
type ring struct {
	limit  int64
	driver Driver
	done   chan struct{} // closed when the driver gets no more

	mu      sync.Mutex
	held    []logfile.Message
	bytes   int64
	changed chan struct{} // has room for one: something was put, or the end has come
	closing bool
}

func newRing(limit int64, driver Driver) *ring {
	r := &ring{limit: limit, driver: driver, done: make(chan struct{}), changed: make(chan struct{}, 1)}
	go r.run()
	return r
}

// cost is what a message counts: its text, and the shortest still something.
func cost(m *logfile.Message) int64 { return int64(max(len(m.Line), 64)) }

// put never waits. A message that alone is larger than the ring is held if nothing else is.
func (r *ring) put(m *logfile.Message) error {
	kept := *m
	kept.Line = slices.Clone(m.Line)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closing {
		return fault.New(fault.Conflict, "the log is closed")
	}
	size := cost(&kept)
	drop := 0
	for drop < len(r.held) && r.bytes+size > r.limit {
		r.bytes -= cost(&r.held[drop])
		drop++
	}
	clear(r.held[:drop])
	r.held, r.bytes = append(r.held[drop:], kept), r.bytes+size
	r.wake()
	return nil
}

func (r *ring) wake() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// run gives the driver what is held, all that there is at a time.
func (r *ring) run() {
	defer close(r.done)
	for {
		r.mu.Lock()
		closing := r.closing
		r.mu.Unlock()
		for {
			m, ok := r.take()
			if !ok {
				break
			}
			_ = r.driver.Log(&m) // the driver tells of its losses
		}
		_ = r.driver.Flush()
		if closing {
			return
		}
		<-r.changed
	}
}

func (r *ring) take() (m logfile.Message, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.held) == 0 {
		return m, false
	}
	m = r.held[0]
	r.held[0] = logfile.Message{}
	r.held, r.bytes = r.held[1:], r.bytes-cost(&m)
	return m, true
}

// finish waits until the driver has everything, and ends the ring.
func (r *ring) finish() {
	r.end()
	<-r.done
}

func (r *ring) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closing = true
	r.wake()
}

// closeTime is what the driver gets for the rest.
const closeTime = time.Second

// close lets the driver have what is held. One that does not come to an end with it is closed.
func (r *ring) close() {
	r.end()
	t := time.NewTimer(closeTime)
	defer t.Stop()
	select {
	case <-r.done:
		return
	case <-t.C:
	}
	r.driver.Close()
	<-r.done
}

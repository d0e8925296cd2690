package fluentd

import (
	"sync"
	"time"

	"berth/internal/fault"
)

// maxQueued bounds what a queue holds in bytes, whatever number of messages was
// asked for: a receiver that is away must not take the daemon's memory.
const maxQueued = 64 << 20

// queue holds packets until they are sent.
type queue struct {
	limit int // packets
	done  chan struct{}

	mu      sync.Mutex
	packets []packet
	bytes   int
	err     error         // why the last packet was given up, until put tells it
	changed chan struct{} // has room for one: something was put, or the end has come
	closing bool
}

func newQueue(limit int) *queue {
	return &queue{limit: limit, done: make(chan struct{}), changed: make(chan struct{}, 1)}
}

func (q *queue) put(p packet) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closing {
		return fault.New(fault.Conflict, "the log is closed")
	}
	if len(q.packets) >= q.limit || q.bytes+len(p.bytes) > maxQueued {
		return fault.New(fault.Unavailable, "fluent#appendBuffer: Buffer full, limit %d", q.limit)
	}
	q.packets, q.bytes = append(q.packets, p), q.bytes+len(p.bytes)
	q.wake()
	err := q.err
	q.err = nil
	return err
}

func (q *queue) wake() {
	select {
	case q.changed <- struct{}{}:
	default:
	}
}

// get waits for a packet; false when there will be none.
func (q *queue) get(end <-chan struct{}) (packet, bool) {
	for {
		q.mu.Lock()
		if len(q.packets) > 0 {
			p := q.packets[0]
			q.packets[0] = packet{}
			q.packets, q.bytes = q.packets[1:], q.bytes-len(p.bytes)
			q.mu.Unlock()
			select {
			case <-end:
				return packet{}, false
			default:
				return p, true
			}
		}
		closing := q.closing
		q.mu.Unlock()
		if closing {
			return packet{}, false
		}
		select {
		case <-q.changed:
		case <-end:
			return packet{}, false
		}
	}
}

// failed keeps an error for the next put: no caller waits for it.
func (q *queue) failed(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.err = err
}

// drain lets what is there be sent, for at most d.
func (q *queue) drain(d time.Duration) {
	q.mu.Lock()
	q.closing = true
	q.wake()
	q.mu.Unlock()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-q.done:
	case <-t.C:
	}
}

//go:build linux

package network

import (
	"context"
	"sync/atomic"
	"time"
)

// breath is how long a pool that is not low waits before it makes the next
// thing: whoever was handed one is just starting a container, and making a
// namespace would take the processor and the kernel's network lock from it.
const breath = 20 * time.Millisecond

// pool makes things ahead of time in one background goroutine.
type pool[T any] struct {
	make  func() (T, error)
	drop  func(T)
	ready chan T
	low   chan struct{} // has one when half of the things are gone
	stop  context.CancelFunc
	done  chan struct{}
	busy  atomic.Bool // one is being made, and will be ready
}

// newPool starts filling: up to size things wait, and one more in hand.
func newPool[T any](size int, create func() (T, error), drop func(T)) *pool[T] {
	ctx, cancel := context.WithCancel(context.Background())
	p := &pool[T]{make: create, drop: drop, ready: make(chan T, size), low: make(chan struct{}, 1), stop: cancel, done: make(chan struct{})}
	go p.fill(ctx)
	return p
}

// fill works until ctx ends. A failure is not reported from here: a hand-out
// finds the pool empty, tries by itself and reports its own error.
func (p *pool[T]) fill(ctx context.Context) {
	defer close(p.done)
	for ctx.Err() == nil {
		p.busy.Store(true)
		thing, err := p.make()
		if err != nil {
			p.busy.Store(false)
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
			continue
		}
		select {
		case p.ready <- thing:
			p.busy.Store(false)
			p.rest(ctx)
		case <-ctx.Done():
			p.drop(thing)
		}
	}
}

// rest waits a breath, or until the pool is low.
func (p *pool[T]) rest(ctx context.Context) {
	if p.isLow() {
		return
	}
	select {
	case <-time.After(breath):
	case <-p.low:
	case <-ctx.Done():
	}
}

func (p *pool[T]) isLow() bool { return len(p.ready) <= cap(p.ready)/2 }

// get hands one out; it makes one on the spot when none is ready.
func (p *pool[T]) get() (T, error) {
	select {
	case thing := <-p.ready:
		if p.isLow() {
			select {
			case p.low <- struct{}{}:
			default:
			}
		}
		return thing, nil
	default:
		return p.make()
	}
}

// close stops the filling and drops what is ready.
func (p *pool[T]) close() {
	p.stop()
	<-p.done
	for {
		select {
		case thing := <-p.ready:
			p.drop(thing)
		default:
			return
		}
	}
}

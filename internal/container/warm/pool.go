// Package warm keeps things ready that take longer to make than anybody wants
// to wait for.
//
// A thing is reserved first, under an ID that it has had from the start, and
// taken later by that ID. The pool is empty until somebody wants a
// thing, and again when nobody has for a while; that it is empty is no error.
package warm

import (
	"context"
	"sync"
	"time"
)

// Config says what a pool keeps.
type Config[T any] struct {
	Size int // how many of each kind wait, beside those that are reserved
	// Breath is how long after the last demand the next thing is made: whoever
	// wants one has work to do first, and a hurried crowd is served faster without.
	Breath time.Duration
	Idle   time.Duration // without demand for so long, all that wait are dropped
	Hold   time.Duration // how long a reserved thing waits to be taken
	Make   func(ctx context.Context, kind string) (T, error)
	Drop   func(T)
	ID     func(T) string
}

// Pool is safe for concurrent use; no method waits for a thing to be made, but Close.
type Pool[T any] struct {
	cfg    Config[T]
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup // makes and drops

	mu       sync.Mutex
	shelves  map[string]*shelf[T]
	reserved map[string]*reservation[T]
	idle     *time.Timer
	closed   bool
}

// shelf holds the things of one kind.
type shelf[T any] struct {
	ready   []T
	filling bool
	wanted  time.Time // the last demand
}

type reservation[T any] struct {
	kind  string
	thing T
	timer *time.Timer
}

// New returns an empty pool. A size of 0 makes one that stays empty.
func New[T any](cfg Config[T]) *Pool[T] {
	p := &Pool[T]{cfg: cfg, shelves: map[string]*shelf[T]{}, reserved: map[string]*reservation[T]{}}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.idle = time.AfterFunc(time.Hour, p.Flush)
	p.idle.Stop()
	return p
}

// Reserve sets a thing of the kind aside, if one is ready. It stays the pool's.
func (p *Pool[T]) Reserve(kind string) (thing T, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.shelf(kind)
	if p.closed || len(s.ready) == 0 {
		return thing, false
	}
	thing = s.ready[0]
	s.ready = append(s.ready[:0:0], s.ready[1:]...)
	id := p.cfg.ID(thing)
	p.reserved[id] = &reservation[T]{kind, thing, time.AfterFunc(p.cfg.Hold, func() { p.expire(id) })}
	return thing, true
}

// Reserved reports that something is reserved under an ID.
func (p *Pool[T]) Reserved(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reserved[id] != nil
}

// Take gives out what was reserved under an ID: it is the caller's.
func (p *Pool[T]) Take(id string) (thing T, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.reserved[id]
	if r == nil {
		return thing, false
	}
	r.timer.Stop()
	delete(p.reserved, id)
	return r.thing, true
}

// Spare gives out the one that has waited longest, for what it is made of: it is the
// caller's. Those that are set aside come last, and only if asked for.
func (p *Pool[T]) Spare(kind string, aside bool) (thing T, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.shelf(kind); len(s.ready) > 0 {
		thing = s.ready[0]
		s.ready = append(s.ready[:0:0], s.ready[1:]...)
		if !aside { // no shortage, so another is made for those who want it
			p.refill(kind, s)
		}
		return thing, true
	}
	for id, r := range p.reserved {
		if aside && r.kind == kind {
			r.timer.Stop()
			delete(p.reserved, id)
			return r.thing, true
		}
	}
	return thing, false
}

func (p *Pool[T]) expire(id string) {
	p.mu.Lock()
	r := p.reserved[id]
	if r != nil {
		delete(p.reserved, id)
		p.work.Add(1) // Close, which waits, has not begun: it leaves nothing reserved
	}
	p.mu.Unlock()
	if r != nil {
		p.cfg.Drop(r.thing)
		p.work.Done()
	}
}

// Want says that things of the kind are in demand: the pool fills itself.
func (p *Pool[T]) Want(kind string) {
	if p.cfg.Size <= 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	s := p.shelf(kind)
	s.wanted = time.Now()
	p.idle.Reset(p.cfg.Idle)
	p.refill(kind, s)
}

// refill fills a shelf in the background. The caller holds mu; the pool is not closed.
func (p *Pool[T]) refill(kind string, s *shelf[T]) {
	if !s.filling && len(s.ready) < p.cfg.Size {
		s.filling = true
		p.work.Go(func() { p.fill(kind, s) })
	}
}

// fill makes things until the shelf is full, or one cannot be made: then the
// next demand tries again.
func (p *Pool[T]) fill(kind string, s *shelf[T]) {
	for p.breathe(s) {
		thing, err := p.cfg.Make(p.ctx, kind)
		if !p.put(s, thing, err) {
			return
		}
	}
}

// breathe waits until nobody has wanted anything for a breath. It reports
// false when the pool is closed.
func (p *Pool[T]) breathe(s *shelf[T]) bool {
	for {
		p.mu.Lock()
		wait := time.Until(s.wanted.Add(p.cfg.Breath))
		if p.closed {
			s.filling = false
		}
		closed := p.closed
		p.mu.Unlock()
		if closed || wait <= 0 {
			return !closed
		}
		select {
		case <-time.After(wait):
		case <-p.ctx.Done():
		}
	}
}

// put puts what was made on the shelf. It reports whether there is room for more.
func (p *Pool[T]) put(s *shelf[T], thing T, err error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err != nil:
		s.filling = false
	case p.closed || time.Since(s.wanted) > p.cfg.Idle:
		s.filling = false
		p.work.Go(func() { p.cfg.Drop(thing) })
	default:
		s.ready = append(s.ready, thing)
		s.filling = len(s.ready) < p.cfg.Size
	}
	return s.filling
}

// Flush drops what waits; what is reserved stays.
func (p *Pool[T]) Flush() {
	p.mu.Lock()
	var drop []T
	for _, s := range p.shelves {
		drop = append(drop, s.ready...)
		s.ready = nil
	}
	closed := p.closed
	if !closed {
		p.work.Add(1)
	}
	p.mu.Unlock()
	if !closed {
		p.dropAll(drop)
		p.work.Done()
	}
}

func (p *Pool[T]) dropAll(list []T) {
	for _, thing := range list {
		p.cfg.Drop(thing)
	}
}

// Things returns those that wait or are reserved.
func (p *Pool[T]) Things() []T {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []T
	for _, s := range p.shelves {
		list = append(list, s.ready...)
	}
	for _, r := range p.reserved {
		list = append(list, r.thing)
	}
	return list
}

// Close drops everything and waits for what is being made.
func (p *Pool[T]) Close() {
	p.mu.Lock()
	p.closed = true
	p.cancel()
	p.idle.Stop()
	var drop []T
	for _, s := range p.shelves {
		drop = append(drop, s.ready...)
		s.ready = nil
	}
	for id, r := range p.reserved {
		r.timer.Stop()
		drop = append(drop, r.thing)
		delete(p.reserved, id)
	}
	p.mu.Unlock()
	p.dropAll(drop)
	p.work.Wait()
}

// shelf is the kind's. The caller holds mu.
func (p *Pool[T]) shelf(kind string) *shelf[T] {
	s := p.shelves[kind]
	if s == nil {
		s = &shelf[T]{}
		p.shelves[kind] = s
	}
	return s
}

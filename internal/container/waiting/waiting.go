// Package waiting is those who wait for something to become of a container.
package waiting

import (
	"slices"
	"sync"
)

// Condition is what a waiter waits for.
type Condition string

// The conditions of POST /containers/{id}/wait.
const (
	NotRunning Condition = "not-running"
	NextExit   Condition = "next-exit"
	Removed    Condition = "removed"

	Change Condition = "change" // of anything; not for users
)

// Result is how the container ended.
type Result struct {
	Code int
	Err  string
}

// Waiter is one who waits.
type Waiter struct {
	cond Condition
	ch   chan Result // buffered, so that telling never waits
}

// Told gets one result, when the condition is fulfilled.
func (w *Waiter) Told() <-chan Result { return w.ch }

// Line is all who wait for one container. The zero Line is empty.
type Line struct {
	mu      sync.Mutex
	waiters []*Waiter
}

// Join adds a waiter, who misses nothing that is answered from then on. One whose condition is
// fulfilled already, as now says while nobody is answered, gets its result at once.
func (l *Line) Join(cond Condition, now func() (r Result, fulfilled bool)) *Waiter {
	w := &Waiter{cond: cond, ch: make(chan Result, 1)}
	l.mu.Lock()
	defer l.mu.Unlock()
	if r, fulfilled := now(); fulfilled {
		w.ch <- r
		return w
	}
	l.waiters = append(l.waiters, w)
	return w
}

// Next adds a waiter for the next change, whatever it is.
func (l *Line) Next() *Waiter {
	return l.Join(Change, func() (Result, bool) { return Result{}, false })
}

// Leave forgets a waiter that gave up.
func (l *Line) Leave(w *Waiter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiters = slices.DeleteFunc(l.waiters, func(o *Waiter) bool { return o == w })
}

// Answer gives a result to everyone who waits for one of the conditions. The state that
// fulfils them is already visible.
func (l *Line) Answer(r Result, conds ...Condition) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiters = slices.DeleteFunc(l.waiters, func(w *Waiter) bool {
		if !slices.Contains(conds, w.cond) {
			return false
		}
		w.ch <- r
		return true
	})
}

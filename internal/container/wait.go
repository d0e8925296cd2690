package container

import (
	"context"
	"slices"

	"berth/internal/fault"
)

// WaitCondition is what a waiter waits for.
type WaitCondition string

// The conditions of POST /containers/{id}/wait.
const (
	WaitNotRunning WaitCondition = "not-running"
	WaitNextExit   WaitCondition = "next-exit"
	WaitRemoved    WaitCondition = "removed"

	waitChange WaitCondition = "change" // of anything; not for users
)

// WaitResult is how the container ended.
type WaitResult struct {
	Code int
	Err  string
}

type waiter struct {
	cond WaitCondition
	ch   chan WaitResult // buffered, so that telling never waits
}

// Wait registers for a condition; when it returns nothing that happens from
// then on is missed. The channel gets one result, or none when ctx ends first.
func (s *Service) Wait(ctx context.Context, ref string, cond WaitCondition) (<-chan WaitResult, error) {
	switch cond {
	case "":
		cond = WaitNotRunning
	case WaitNotRunning, WaitNextExit, WaitRemoved:
	default:
		return nil, fault.New(fault.Invalid, "invalid condition: %q", cond)
	}
	e, err := s.index.find(ref)
	if err != nil {
		return nil, err
	}
	w := &waiter{cond: cond, ch: make(chan WaitResult, 1)}
	e.mu.Lock()
	c := e.snapshot()
	switch {
	case cond == WaitNotRunning && !c.State.Up() && c.State != Starting && c.State != Restarting,
		cond == WaitRemoved && c.State == Removed:
		w.ch <- WaitResult{Code: c.Run.ExitCode}
		e.mu.Unlock()
		return w.ch, nil
	}
	e.waiters = append(e.waiters, w)
	e.mu.Unlock()
	context.AfterFunc(ctx, func() { e.leave(w) })
	return w.ch, nil
}

// changes waits for the next change of a container, whatever it is.
func (e *entry) changes() *waiter {
	w := &waiter{cond: waitChange, ch: make(chan WaitResult, 1)}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.waiters = append(e.waiters, w)
	return w
}

// leave forgets a waiter that gave up.
func (e *entry) leave(w *waiter) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.waiters = slices.DeleteFunc(e.waiters, func(o *waiter) bool { return o == w })
}

// tell answers everyone who waits for one of the conditions. The state that
// fulfils them is already visible.
func (e *entry) tell(conds ...WaitCondition) {
	c := e.snapshot()
	e.answer(WaitResult{Code: c.Run.ExitCode}, conds...)
}

// answer gives a result to everyone who waits for one of the conditions.
func (e *entry) answer(r WaitResult, conds ...WaitCondition) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.waiters = slices.DeleteFunc(e.waiters, func(w *waiter) bool {
		if !slices.Contains(conds, w.cond) {
			return false
		}
		w.ch <- r
		return true
	})
}

package container

import (
	"context"

	"berth/internal/container/waiting"
	"berth/internal/fault"
)

// What a wait is for, and what it brings.
type (
	WaitCondition = waiting.Condition
	WaitResult    = waiting.Result
)

// The conditions of POST /containers/{id}/wait.
const (
	WaitNotRunning = waiting.NotRunning
	WaitNextExit   = waiting.NextExit
	WaitRemoved    = waiting.Removed
)

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
	e, err := s.index.Find(ref)
	if err != nil {
		return nil, err
	}
	return e.await(ctx, cond), nil
}

func (e *entry) await(ctx context.Context, cond WaitCondition) <-chan WaitResult {
	w := e.waiting.Join(cond, func() (WaitResult, bool) {
		c := e.snapshot()
		is := cond == WaitNotRunning && !c.State.Up() && c.State != Starting && c.State != Restarting || cond == WaitRemoved && c.State == Removed
		return WaitResult{Code: c.Run.ExitCode}, is
	})
	context.AfterFunc(ctx, func() { e.waiting.Leave(w) })
	return w.Told()
}

// tell answers everyone who waits for one of the conditions. The state that
// fulfils them is already visible.
func (e *entry) tell(conds ...WaitCondition) {
	e.waiting.Answer(WaitResult{Code: e.snapshot().Run.ExitCode}, conds...)
}

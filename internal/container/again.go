package container

import (
	"context"
	"strconv"
	"time"

	"berth/internal/container/restart"
	"berth/internal/failpoint"
	"berth/internal/fault"
	"berth/internal/keeper"
	"berth/internal/state"
)

// asksBucket keeps what a user has asked of a run that has not ended yet: the
// signal may be answered, and the daemon killed, before the end is recorded.
const asksBucket = "asks"

// note makes it durable that a user has asked for something, before it is done.
// Only a policy needs to know.
func (s runs) note(e *entry, l *live, asked restart.Asked) error {
	if !e.snapshot().HostConfig.RestartPolicy.None() {
		err := s.deps.Store.Commit(state.Op{Bucket: asksBucket, Key: e.id, Value: []byte(strconv.Itoa(int(asked)))})
		if err != nil {
			return fault.Wrap(fault.Internal, err, "the stop cannot be recorded")
		}
	}
	failpoint.At("stop.noted")
	l.ask(asked)
	return nil
}

// unasked is the writes of a container whose run begins or has ended: what was
// asked of a run before is over, or in its record.
func unasked(c Container) []state.Op {
	if c.HostConfig.RestartPolicy.None() {
		return []state.Op{put(c)}
	}
	return []state.Op{put(c), {Bucket: asksBucket, Key: c.ID}}
}

// ask remembers the most that has been asked of a run.
func (l *live) ask(asked restart.Asked) {
	for {
		old := l.asked.Load()
		if int32(asked) <= old || l.asked.CompareAndSwap(old, int32(asked)) {
			break
		}
	}
	if asked == restart.Stopped {
		l.stopping.Store(true)
	}
}

// interrupt gives the present run to a verb that means to end it, or to signal
// it, once that is noted. When the container waits for its next start there is no
// run: off tells that with asked Stopped, that start has been called off.
func (s runs) interrupt(ctx context.Context, e *entry, asked restart.Asked) (l *live, off bool, err error) {
	for {
		if l, err = e.present(ctx); err != nil {
			return nil, false, err
		}
		if l != nil {
			return l, false, s.note(e, l, asked)
		}
		if e.snapshot().State != Restarting {
			return nil, false, nil
		}
		if off, err = s.callOff(ctx, e, asked); off || err != nil {
			return nil, off, err
		}
		// It has been started in the meantime.
	}
}

// callOff calls off the start that a container waits for. It reports whether there was one.
func (s runs) callOff(ctx context.Context, e *entry, asked restart.Asked) (bool, error) {
	if err := e.lock(ctx); err != nil {
		return false, err
	}
	defer e.unlock()
	if e.snapshot().State != Restarting {
		return false, nil
	}
	if asked != restart.Stopped {
		c := e.change(func(c *Container) { c.Restart.Asked = max(c.Restart.Asked, asked) })
		return true, fault.Wrap(fault.Internal, s.deps.Store.Commit(put(c)), "the signal cannot be recorded")
	}
	return true, s.stayDown(e, asked)
}

// stayDown ends a container's wait for its next start. The caller holds the verb lock.
func (s runs) stayDown(e *entry, asked restart.Asked) error {
	c, err := e.step(CalledOff, func(c *Container) {
		c.Wanted, c.Restart.Due = WantedDown, time.Time{}
		c.Restart.Asked = max(c.Restart.Asked, asked)
	})
	if err == nil {
		err = s.deps.Store.Commit(put(c))
	}
	e.tell(WaitNotRunning, WaitNextExit)
	return fault.Wrap(fault.Internal, err, "the stop cannot be recorded")
}

// policyChanged has a container that waits for its next start stay down when its
// policy, just changed in its record, starts nothing any more. The caller holds
// the verb lock.
func (s runs) policyChanged(e *entry) error {
	if c := e.snapshot(); c.State == Restarting && c.HostConfig.RestartPolicy.None() {
		return s.stayDown(e, restart.Nothing)
	}
	return nil
}

// afterExit is what follows on a run's end, by the container's policy.
func afterExit(c Container, l *live, exit keeper.Exit) restart.Plan {
	asked := max(c.Restart.Asked, restart.Asked(l.asked.Load()))
	if l.renew.Load() && asked == restart.Nothing {
		return restart.Plan{Again: true, Why: "it was unhealthy"}
	}
	return c.HostConfig.RestartPolicy.AfterExit(restart.End{
		Code: exit.Code, Ran: exit.Time.Sub(c.Run.Started), Count: c.Restarts, Delay: c.Restart.Delay,
		Asked: asked,
	})
}

// arm has a container that waits for its next start get it when it is due. While the
// daemon starts nothing is armed: Recover does it for all of them.
func (s runs) arm(e *entry) {
	if !s.recovered.Load() {
		return
	}
	due := e.snapshot().Restart.Due
	time.AfterFunc(time.Until(due), func() { s.host.Later(func() { s.again(e, due) }) })
}

// again starts a container that waits for that, unless it has been called off.
func (s runs) again(e *entry, due time.Time) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if e.lock(ctx) != nil {
		return
	}
	defer e.unlock()
	before := e.snapshot()
	if s.leaving.Load() || before.State != Restarting || !before.Restart.Due.Equal(due) {
		return
	}
	failpoint.At("again.due")
	err := s.begin(ctx, e, func(c *Container) { c.Restart.Due = time.Time{} })
	if err == nil {
		return
	}
	s.deps.Warn("container %s cannot be started again: %v", e.id, err)
	if e.snapshot().State != Exited || !fault.Is(err, fault.Unavailable) && !fault.Is(err, fault.Conflict) {
		return // as with Docker, a start that fails ends it
	}
	// The keeper is on its way, or has not forgotten the last run yet: that passes.
	plan := before.HostConfig.RestartPolicy.AfterExit(restart.End{Code: 255, Count: before.Restarts, Delay: before.Restart.Delay})
	s.plan(e, plan, time.Now())
}

// plan has a container that does not run wait for its start, if the plan says so.
// The caller holds the verb lock.
func (s runs) plan(e *entry, plan restart.Plan, now time.Time) {
	if !plan.Again {
		return
	}
	c, err := e.step(StartPlanned, func(c *Container) {
		c.Wanted, c.Restart = WantedUp, c.Restart.Follow(plan, now)
	})
	if err == nil {
		err = s.deps.Store.Commit(put(c))
	}
	if err != nil {
		s.deps.Warn("container %s: %v", e.id, err)
	}
	failpoint.At("again.planned")
	s.arm(e)
}

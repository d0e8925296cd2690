package container

import (
	"context"

	"berth/internal/container/notice"
	"berth/internal/container/provision"
	"berth/internal/container/record"
	"berth/internal/container/restart"
	"berth/internal/container/stdio"
	"berth/internal/event"
	"berth/internal/failpoint"
	"berth/internal/fault"
	"berth/internal/keeper"
	"berth/internal/linux/pidfd"
)

// Ends is what is told of processes that have ended.
type Ends struct{ *Service }

// Follow handles what the keeper reports until its connection is gone.
func (s Ends) Follow(client *keeper.Client) {
	for ev := range client.Events() {
		s.host.Later(func() { s.runs().ended(client, ev.ID, ev.Exit) })
	}
}

// ended handles the end of a process: a container's or an exec's. It may be
// told twice of the same one.
func (s runs) ended(client *keeper.Client, id string, exit keeper.Exit) {
	if s.execs.Ended(id, exit) {
		s.forgetEnd(client, id)
		return
	}
	e, err := s.index.Find(id)
	if err != nil || e.id != id {
		s.forgetEnd(client, id)
		return
	}
	e.lock(context.Background())
	defer e.unlock()
	l := e.live.Load()
	switch {
	case l == nil: // of a start that was undone, or told twice
		s.forgetEnd(client, id)
		return
	case !pidfd.Ended(l.Pidfd): // told twice, and the container runs again
		return
	}
	s.exited(e, l, exit, client)
}

// forgetEnd lets the keeper forget a process whose end is dealt with. A keeper that died
// between writing the exit file and this has left it to us.
func (s runs) forgetEnd(client *keeper.Client, id string) {
	if err := client.Forget(context.Background(), id); err != nil && !fault.Is(err, fault.Conflict) {
		keeper.RemoveExitFile(s.deps.Paths.ExitFile(id))
	}
}

// exited takes the last output in, records how a run ended and gives back what
// it held. The caller holds the verb lock. The keeper forgets the run only once
// its exit is durable; a container that goes away by itself has no exit to keep.
func (s runs) exited(e *entry, l *live, exit keeper.Exit, client *keeper.Client) {
	if e.snapshot().HostConfig.PidMode != "" && l.Group != nil {
		// The others do not end with the first process, as in a namespace of its own.
		if err := provision.KillGroup(l.Group); err != nil {
			s.deps.Warn("container %s: %v", e.id, err)
		}
	}
	s.probes.Unwatch(&e.health, e.id)
	stdio.Drain(e.hub, receiverOf(e))
	failpoint.At("exit.drained")
	oom := false
	if l.Group != nil {
		n, err := l.Group.OOMKills()
		oom = err == nil && n > 0
	}
	before := e.snapshot()
	plan, ev := afterExit(e.snapshot(), l, exit), Exit
	if l.passing.Load() || s.leaving.Load() {
		plan = restart.Plan{Why: "the daemon ends"}
	}
	if plan.Again {
		ev = ExitForNow
	}
	c, err := e.step(ev, func(c *Container) {
		c.Run.Pid, c.Run.ExitCode, c.Run.Finished, c.Run.OOMKilled = 0, exit.Code, exit.Time.UTC(), oom
		c.Endpoints = record.Left(before.Endpoints)
		if l.stopping.Load() {
			c.Wanted = WantedDown
		}
		c.Restart = c.Restart.Follow(plan, exit.Time)
		c.Restart.Asked = max(c.Restart.Asked, restart.Asked(l.asked.Load()))
		if plan.Again {
			c.Restarts++
		}
	})
	if err != nil {
		s.deps.Warn("container %s: %v", e.id, err)
		return
	}
	closeLog(e)
	e.live.Store(nil)
	e.hub.Settle()
	failpoint.At("exit.shown")
	s.recordEnd(e, len(before.Published()) > 0, client)
	failpoint.At("exit.recorded")
	l.telling.Lock() // who sends a signal tells of it first
	l.endTold = true
	l.telling.Unlock()
	told := s.tells.Told(c, event.Die)
	if !told {
		s.tells.All(notice.Ended(&c, l.oomTold))
	}
	failpoint.At("exit.told")
	s.host.Release(c, before.Endpoints, l.Holdings)
	if !told {
		s.tells.All(notice.Left(&c, before.Endpoints))
	}
	if a := l.stopper.Load(); a != nil {
		s.tells.By(a, c, event.Stop)
	}
	s.execs.Orphan(c.ID)
	failpoint.At("exit.released")
	close(l.down)
	e.tell(WaitNotRunning, WaitNextExit)
	if plan.Again {
		s.arm(e)
	}
	if c.HostConfig.AutoRemove && !plan.Again && !l.again.Load() {
		if err := s.discard(context.Background(), e, true); err != nil {
			s.deps.Warn("container %s: %v", e.id, err)
		}
	}
}

// recordEnd makes a run's end durable, and then has the keeper forget it: at once when it holds the
// sockets of ports, which the next container may want.
func (s runs) recordEnd(e *entry, ports bool, client *keeper.Client) {
	c := e.snapshot()
	if !c.HostConfig.AutoRemove {
		if err := s.deps.Store.Commit(unasked(c)...); err != nil { // the keeper goes on knowing it, for the next daemon
			s.deps.Warn("the exit of container %s cannot be recorded: %v", e.id, err)
			return
		}
	}
	if ports {
		s.forgetEnd(client, e.id)
		return
	}
	e.forgetting.Go(func() { s.forgetEnd(client, e.id) })
}

package container

import (
	"slices"
	"time"

	"berth/internal/container/order"
)

// resume has every container that waits for its next start get it: those of
// Compose behind what they depend on.
func (s recovery) resume() {
	entries := s.index.All()
	slices.Reverse(entries) // the oldest first
	var members []order.Member
	for _, e := range entries {
		c := e.snapshot()
		members = append(members, order.Member{
			ID: c.ID, Name: c.Name, Labels: c.Config.Labels, Starts: c.State == Restarting, Up: c.State.Up(), Checked: c.Config.Healthcheck.Enabled(),
			Done: c.State == Exited && c.Run.ExitCode == 0 && !c.Run.Started.IsZero(),
		})
	}
	plan := order.Starts(members)
	for _, note := range plan.Notes {
		s.deps.Warn("the order of starts: %s", note)
	}
	for _, step := range plan.Steps {
		e, err := s.index.Find(step.ID)
		if err != nil {
			continue
		}
		if len(step.Gates) == 0 {
			s.runs().arm(e)
			continue
		}
		go s.behind(e, step.Gates)
	}
}

// behind starts a container that waits for its start when all gates are open.
func (s recovery) behind(e *entry, gates []order.Gate) {
	due := e.snapshot().Restart.Due
	for _, g := range gates {
		on, err := s.index.Find(g.ID)
		if err != nil {
			continue // it has been removed
		}
		if !s.opens(e, on, g, due) {
			return
		}
	}
	s.runs().arm(e)
}

// opens waits until a gate is open. It is false when there is nothing to wait for any
// more: the start has been called off, or the daemon ends.
func (s recovery) opens(e, on *entry, g order.Gate, due time.Time) bool {
	for {
		theirs, ours := on.waiting.Next(), e.waiting.Next() // before the look, so that nothing is missed
		c := on.snapshot()
		now := order.Now{
			Waits: c.State == Restarting || c.State == Starting, Up: c.State.Up(), Again: c.Restarts > 0, Failure: c.Run.ExitCode != 0,
		}
		if h := on.health.State(); h != nil {
			now.Health = string(h.Status)
		}
		open, without := g.Open(now)
		if without != "" {
			s.deps.Warn("container %s is started although %s", e.snapshot().Name, without)
		}
		mine := e.snapshot()
		off := mine.State != Restarting || !mine.Restart.Due.Equal(due)
		if !open && !off {
			select {
			case <-theirs.Told():
			case <-ours.Told():
			case <-s.ending:
				off = true
			}
		}
		on.waiting.Leave(theirs)
		e.waiting.Leave(ours)
		if open || off {
			return !off
		}
	}
}

package container

import (
	"context"

	"berth/internal/container/health"
	"berth/internal/container/provision"
	"berth/internal/container/restart"
	"berth/internal/container/waiting"
	"berth/internal/failpoint"
)

// probed is a run as those see it who probe it.
type probed struct {
	shown
	l *live
}

func (p probed) Holdings() *provision.Holdings { return &p.l.Holdings }
func (p probed) Changed()                      { p.e.waiting.Answer(WaitResult{}, waiting.Change) }

// unhealthy is the verb of what is done about a container's health.
const unhealthy = "health"

// Heal ends the run. A restart is none of the user's doing: the run's end finds
// that it is to begin again, unless a user has stopped it meanwhile.
func (p probed) Heal(action string) error {
	if !p.l.acting.CompareAndSwap(false, true) {
		return nil // it is being done
	}
	defer p.l.acting.Store(false)
	failpoint.At("health.acts")
	ctx := context.Background()
	switch action {
	case health.Kill:
		if err := p.s.signals().kill(ctx, p.e, p.l, unhealthy); err != nil && !isGone(err) {
			return err
		}
		return nil
	case health.Restart:
		p.l.renew.Store(true)
	case health.Stop:
		if err := p.s.runs().note(p.e, p.l, restart.Stopped); err != nil {
			return err
		}
	}
	return p.s.signals().stop(ctx, p.e, p.l, StopOptions{verb: unhealthy})
}

// watch begins to probe the present run: see probing.Service.Watch.
func (s runs) watch(e *entry, l *live, begins bool) {
	s.probes.Watch(&e.health, probed{shown{e, s.Service}, l}, begins)
}

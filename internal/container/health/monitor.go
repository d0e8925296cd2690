package health

import (
	"context"
	"time"
)

// Monitor probes one run of a container.
type Monitor struct {
	Check   *Check
	Shell   []string // that CMD-SHELL is given to; nil means /bin/sh -c
	Target  Target
	Started time.Time // when the run began
	// Report takes the state after every probe. It must not wait for Run.
	Report func(State)
}

// pause is how long a probe rests that could not be made.
const pause = time.Second

func (m *Monitor) rest(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(pause):
	}
}

// Run probes from state s on until ctx ends. A probe that is under way then is
// given up and reported to nobody.
func (m *Monitor) Run(ctx context.Context, s State) {
	p, err := m.Check.probe(m.Shell)
	if p == nil || err != nil { // Validate has seen to it
		return
	}
	for {
		t := time.NewTimer(m.Check.Next(s, m.Started, time.Now()))
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
		r, ok := m.Check.run(ctx, p, m.Target)
		if ctx.Err() != nil {
			return
		}
		if !ok {
			m.rest(ctx)
			continue
		}
		s = m.Check.After(s, r, m.Started)
		m.Report(s)
	}
}

package health

import (
	"slices"
	"time"
)

// Status is Docker's word for how a container is.
type Status string

// The statuses.
const (
	NoCheck   Status = "none"
	Starting  Status = "starting"
	Healthy   Status = "healthy"
	Unhealthy Status = "unhealthy"
)

// keepResults is how many results a State keeps, as in Docker.
const keepResults = 5

// State is what the probes have told of a container. Its values are never changed.
type State struct {
	Status        Status
	FailingStreak int
	Log           []Result // the last ones, oldest first
}

// Result is how one probe ended.
type Result struct {
	Start, End time.Time
	ExitCode   int // 0 is healthy; -1 is a probe that could not be run or took too long
	Output     string
}

// Begun is the state of a run that begins: what was before is kept as the log.
func (s State) Begun() State { return State{Status: Starting, Log: s.Log} }

// Halted is the state while nobody probes: the container is paused or has ended.
// Docker calls it unhealthy then.
func (s State) Halted() State {
	s.Status = Unhealthy
	return s
}

// After is the state once a probe of a run that began at started has given r.
func (c *Check) After(s State, r Result, started time.Time) State {
	log := append(slices.Clone(s.Log), r)
	s.Log = log[max(0, len(log)-keepResults):]
	switch {
	case r.ExitCode == 0:
		s.FailingStreak, s.Status = 0, Healthy
	case s.Status == Starting && r.Start.Sub(started) < c.StartPeriod:
		// It is still getting ready.
	default:
		s.FailingStreak++
		if s.FailingStreak >= c.retries() {
			s.Status = Unhealthy
		}
	}
	return s
}

// Action is what is to be done to a container in a state that a probe has led
// to: None, Restart, Stop or Kill. It is not only of the moment at which the
// container becomes unhealthy: an action that failed is tried again.
func (c *Check) Action(s State) string {
	if c.OnFailure == "" || s.FailingStreak < c.retries() {
		return None
	}
	return c.OnFailure
}

// Next is how long after now the next probe begins.
func (c *Check) Next(s State, started, now time.Time) time.Duration {
	if s.Status == Starting && now.Sub(started) < c.StartPeriod {
		return c.startInterval()
	}
	return c.interval()
}

package restart

import (
	"fmt"
	"time"
)

// Docker's back-off.
const (
	firstDelay = 100 * time.Millisecond
	maxDelay   = time.Minute
	stableRun  = 10 * time.Second // a run this long begins the back-off anew
)

// End is how a run ended, and what came before it.
type End struct {
	Code  int
	Ran   time.Duration
	Count int           // how often the policy has started it since it was started by hand
	Delay time.Duration // before the last of them; 0 when there was none
	Asked Asked
}

// Plan is whether and when a container runs again.
type Plan struct {
	Again bool
	After time.Duration
	Why   string
}

// String is the plan for tests and logs.
func (p Plan) String() string {
	if !p.Again {
		return "stay down: " + p.Why
	}
	return fmt.Sprintf("start in %s: %s", p.After, p.Why)
}

// AfterExit plans for a container that has just ended.
func (p Policy) AfterExit(e End) Plan {
	switch {
	case p.None():
		return stay("the policy is no")
	case e.Asked == Stopped:
		return stay("it was stopped by hand")
	case p.Name == UnlessStopped && e.Asked == Signalled:
		return stay("it was signalled by hand")
	}
	if plan, over := p.failures(e); over {
		return plan
	}
	return Plan{Again: true, After: nextDelay(e), Why: "the policy is " + p.Name}
}

// AtBoot plans for a container that does not run when the daemon starts: it ended
// earlier, or went with the machine. Nobody has started it by hand since End.
// Docker starts an on-failure container again that was stopped by hand and ended
// with a signal's exit code; here it stays down, as its documentation says.
func (p Policy) AtBoot(e End) Plan {
	switch {
	case p.None():
		return stay("the policy is no")
	case p.Name != Always && e.Asked != Nothing:
		return stay("it was " + e.Asked.String())
	}
	if plan, over := p.failures(e); over {
		return plan
	}
	return Plan{Again: true, Why: "the daemon starts and the policy is " + p.Name}
}

// failures is what on-failure has to say beyond the others.
func (p Policy) failures(e End) (Plan, bool) {
	switch {
	case p.Name != OnFailure:
		return Plan{}, false
	case e.Code == 0:
		return stay("it did not fail"), true
	case p.Max > 0 && e.Count >= p.Max:
		return stay(fmt.Sprintf("it has been started %d times of %d", e.Count, p.Max)), true
	}
	return Plan{}, false
}

func stay(why string) Plan { return Plan{Why: why} }

// nextDelay is the pause before the next start.
func nextDelay(e End) time.Duration {
	if e.Delay <= 0 || e.Ran >= stableRun {
		return firstDelay
	}
	return min(2*e.Delay, maxDelay)
}

package restart

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestTheBackOffDoublesFrom100MillisecondsToAMinute(t *testing.T) {
	var got []string
	e := End{Code: 1}
	for range 13 {
		plan := Policy{Name: Always}.AfterExit(e)
		got = append(got, plan.After.String())
		e.Delay, e.Count = plan.After, e.Count+1
	}
	want := "100ms 200ms 400ms 800ms 1.6s 3.2s 6.4s 12.8s 25.6s 51.2s 1m0s 1m0s 1m0s"
	if strings.Join(got, " ") != want {
		t.Errorf("got %s", got)
	}
}

func TestARunOfTenSecondsBeginsTheBackOffAnew(t *testing.T) {
	for ran, want := range map[time.Duration]time.Duration{
		10*time.Second - 1: 2 * time.Minute / 4, 10 * time.Second: 100 * time.Millisecond, time.Hour: 100 * time.Millisecond,
	} {
		if got := (Policy{Name: Always}).AfterExit(End{Delay: 15 * time.Second, Ran: ran}); got.After != want {
			t.Errorf("after a run of %s: %s", ran, got)
		}
	}
}

// every is the plans of all policies for one end, a line each.
func every(plan func(Policy) Plan) string {
	var b strings.Builder
	for _, p := range []Policy{{}, {Name: No}, {Name: OnFailure}, {Name: OnFailure, Max: 3}, {Name: Always}, {Name: UnlessStopped}} {
		fmt.Fprintf(&b, "%s:%d %s\n", p.Name, p.Max, plan(p))
	}
	return b.String()
}

func TestEveryPolicyAtEveryEnd(t *testing.T) {
	for name, c := range map[string]struct {
		end  End
		want string
	}{
		"it ended well": {End{}, `
:0 stay down: the policy is no
no:0 stay down: the policy is no
on-failure:0 stay down: it did not fail
on-failure:3 stay down: it did not fail
always:0 start in 100ms: the policy is always
unless-stopped:0 start in 100ms: the policy is unless-stopped
`},
		"it failed for the third time": {End{Code: 7, Count: 2, Delay: 200 * time.Millisecond}, `
:0 stay down: the policy is no
no:0 stay down: the policy is no
on-failure:0 start in 400ms: the policy is on-failure
on-failure:3 start in 400ms: the policy is on-failure
always:0 start in 400ms: the policy is always
unless-stopped:0 start in 400ms: the policy is unless-stopped
`},
		"it failed once too often": {End{Code: 7, Count: 3}, `
:0 stay down: the policy is no
no:0 stay down: the policy is no
on-failure:0 start in 100ms: the policy is on-failure
on-failure:3 stay down: it has been started 3 times of 3
always:0 start in 100ms: the policy is always
unless-stopped:0 start in 100ms: the policy is unless-stopped
`},
		"a user stopped it": {End{Code: 143, Asked: Stopped}, `
:0 stay down: the policy is no
no:0 stay down: the policy is no
on-failure:0 stay down: it was stopped by hand
on-failure:3 stay down: it was stopped by hand
always:0 stay down: it was stopped by hand
unless-stopped:0 stay down: it was stopped by hand
`},
		"a user sent it a signal that was not its stop signal": {End{Code: 129, Asked: Signalled}, `
:0 stay down: the policy is no
no:0 stay down: the policy is no
on-failure:0 start in 100ms: the policy is on-failure
on-failure:3 start in 100ms: the policy is on-failure
always:0 start in 100ms: the policy is always
unless-stopped:0 stay down: it was signalled by hand
`},
	} {
		if got := every(func(p Policy) Plan { return p.AfterExit(c.end) }); got != c.want[1:] {
			t.Errorf("%s:\n%s", name, got)
		}
	}
}

func TestEveryPolicyWhenTheDaemonStarts(t *testing.T) {
	for name, c := range map[string]struct {
		end  End
		want string
	}{
		"it went with the machine": {End{Code: 255, Delay: time.Second}, `
:0 stay down: the policy is no
no:0 stay down: the policy is no
on-failure:0 start in 0s: the daemon starts and the policy is on-failure
on-failure:3 start in 0s: the daemon starts and the policy is on-failure
always:0 start in 0s: the daemon starts and the policy is always
unless-stopped:0 start in 0s: the daemon starts and the policy is unless-stopped
`},
		"a user had stopped it": {End{Code: 137, Asked: Stopped}, `
:0 stay down: the policy is no
no:0 stay down: the policy is no
on-failure:0 stay down: it was stopped by hand
on-failure:3 stay down: it was stopped by hand
always:0 start in 0s: the daemon starts and the policy is always
unless-stopped:0 stay down: it was stopped by hand
`},
		"it had failed too often": {End{Code: 1, Count: 3}, `
:0 stay down: the policy is no
no:0 stay down: the policy is no
on-failure:0 start in 0s: the daemon starts and the policy is on-failure
on-failure:3 stay down: it has been started 3 times of 3
always:0 start in 0s: the daemon starts and the policy is always
unless-stopped:0 start in 0s: the daemon starts and the policy is unless-stopped
`},
	} {
		if got := every(func(p Policy) Plan { return p.AtBoot(c.end) }); got != c.want[1:] {
			t.Errorf("%s:\n%s", name, got)
		}
	}
}

func TestAKillThatNeedNotMeanAnEndIsNoStop(t *testing.T) {
	for _, c := range []struct {
		sig, stop unix.Signal
		want      Asked
	}{
		{unix.SIGKILL, 0, Stopped}, {unix.SIGKILL, unix.SIGUSR1, Stopped}, {unix.SIGHUP, 0, Stopped},
		{unix.SIGHUP, unix.SIGUSR1, Signalled}, {unix.SIGTERM, unix.SIGUSR1, Signalled}, {unix.SIGUSR1, unix.SIGUSR1, Stopped},
	} {
		if got := ByKill(c.sig, c.stop); got != c.want {
			t.Errorf("kill -s %d of one whose stop signal is %d: %s", c.sig, c.stop, got)
		}
	}
}

func TestWhatIsNoPolicyIsRefusedInDockersWords(t *testing.T) {
	for want, p := range map[string]Policy{
		"invalid restart policy: maximum retry count can only be used with 'on-failure'":                                   {Name: Always, Max: 1},
		"invalid restart policy: maximum retry count can only be used with 'on-failure' and cannot be negative":            {Name: No, Max: -1},
		"invalid restart policy: maximum retry count cannot be negative":                                                   {Name: OnFailure, Max: -1},
		"invalid restart policy: unknown policy 'sometimes'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'": {Name: "sometimes"},
	} {
		if err := p.Check(); err == nil || err.Error() != want {
			t.Errorf("%+v: %v", p, err)
		}
	}
	for _, p := range []Policy{{}, {Max: 3}, {Name: No}, {Name: Always}, {Name: UnlessStopped}, {Name: OnFailure}, {Name: OnFailure, Max: 5}} {
		if err := p.Check(); err != nil {
			t.Errorf("%+v: %v", p, err)
		}
	}
}

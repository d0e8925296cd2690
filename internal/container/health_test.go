package container

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/container/config"
	"berth/internal/container/health"
	"berth/internal/container/probing"
	"berth/internal/container/restart"
	"berth/internal/container/stdio"
	"berth/internal/linux/netns"
)

func withCheck(c health.Check) func(*config.CreateRequest) {
	return func(r *config.CreateRequest) { r.Config.Healthcheck = &c }
}

// isHealth waits until a container's health is of a status and something more holds.
func (e *engine) isHealth(id string, want health.Status, more func(Container) bool) Container {
	e.t.Helper()
	var c Container
	e.eventually("it is "+string(want), func() (err error) {
		if c, err = e.Get(id); err == nil && (c.Health == nil || c.Health.Status != want || more != nil && !more(c)) {
			err = fmt.Errorf("%s %+v", c.State, c.Health)
		}
		return err
	})
	return c
}

func TestProbesTellOfAContainersHealthForAsLongAsItRuns(t *testing.T) {
	e := newEngine(t)
	ctx := context.Background()
	id := e.create("exec sleep 1000", withCheck(health.Check{Test: []string{"CMD-SHELL", "echo $HOSTNAME; [ ! -e /bad ]"}, Interval: 5 * time.Millisecond, Retries: 2}))
	if c, _ := e.Get(id); c.Health != nil {
		t.Errorf("before its first run: %+v", c.Health)
	}
	e.start(id)
	c := e.isHealth(id, health.Healthy, nil)
	if r := c.Health.Log[0]; r.ExitCode != 0 || r.Output != id[:12]+"\n" {
		t.Errorf("%+v", r)
	}
	code, _, err := e.exec(id, "sh", "-c", "touch /bad")
	if err != nil || code != 0 {
		t.Fatal(code, err)
	}
	c = e.isHealth(id, health.Unhealthy, func(c Container) bool { return len(c.Health.Log) == 5 })
	if c.State != Running || c.Health.FailingStreak < 2 || c.Health.Log[4].ExitCode != 1 {
		t.Errorf("%s %+v", c.State, c.Health)
	}
	if len(c.Execs) > 1 {
		t.Errorf("probes that are over are kept: %v", c.Execs)
	}
	e.must(e.Kill(ctx, id, ""))
	c = e.isHealth(id, health.Unhealthy, nil) // Docker's word while nobody probes
	streak := c.Health.FailingStreak
	if streak < 2 {
		t.Errorf("%+v", c.Health)
	}
	e.start(id)
	if c, _ := e.Get(id); c.Health.Status != health.Starting && c.Health.FailingStreak >= streak || len(c.Health.Log) == 0 {
		t.Errorf("a new run begins with %+v", c.Health)
	}
}

func TestAProbeThatTakesTooLongIsKilledWithWhatItStarted(t *testing.T) {
	e := newEngine(t)
	id := e.create("exec sleep 1000", withCheck(health.Check{Test: []string{"CMD-SHELL", "echo so far; sleep 77; echo never"}, Interval: time.Hour, StartInterval: time.Millisecond, StartPeriod: time.Hour, Timeout: 30 * time.Millisecond}))
	e.start(id)
	c := e.isHealth(id, health.Starting, func(c Container) bool { return len(c.Health.Log) >= 2 })
	if r := c.Health.Log[0]; r.ExitCode != -1 || r.Output != "Health check exceeded timeout (30ms): so far\n" || c.Health.FailingStreak != 0 {
		t.Errorf("%+v", c.Health)
	}
	e.isHealth(id, health.Starting, func(c Container) bool { return len(c.Health.Log) == 5 })
	entry, err := e.index.Find(id)
	e.must(err)
	procs, err := entry.live.Load().Group.Procs()
	e.must(err)
	if len(procs) > 3 && signalsGroups(t) { // its own, and the shell and sleep of the present probe
		t.Errorf("%d processes are there after five probes", len(procs))
	}
	e.must(e.Kill(context.Background(), id, ""))
}

// signalsGroups reports whether the kernel can signal a group by a pidfd: Linux 6.9.
func signalsGroups(t *testing.T) bool {
	t.Helper()
	self, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(self)
	return unix.PidfdSendSignal(self, 0, nil, unix.PIDFD_SIGNAL_PROCESS_GROUP) != unix.EINVAL
}

func TestAProbeThatNeedsNoProgramDialsInsideTheContainer(t *testing.T) {
	e := newEngine(t)
	ctx := context.Background()
	id := e.create("exec sleep 1000", withCheck(health.Check{Test: []string{"TCP", "localhost:4711"}, Interval: 5 * time.Millisecond, Retries: 1}))
	e.start(id)
	e.isHealth(id, health.Unhealthy, nil)
	entry, err := e.index.Find(id)
	e.must(err)
	ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", entry.live.Load().Pid))
	e.must(err)
	defer ns.Close()
	var l net.Listener
	e.must(netns.Do(ns, func() (err error) { l, err = net.Listen("tcp", "127.0.0.1:4711"); return err }))
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			io.Copy(io.Discard, conn)
			conn.Close()
		}
	}()
	c := e.isHealth(id, health.Healthy, nil)
	if out := c.Health.Log[len(c.Health.Log)-1].Output; out != "connected to 127.0.0.1:4711" {
		t.Errorf("%q", out)
	}
	e.must(e.Kill(ctx, id, ""))
}

func TestAnUnhealthyContainerIsDealtWithAsItsCheckSays(t *testing.T) {
	e := newEngine(t)
	failing := func(action string) func(*config.CreateRequest) {
		return withCheck(health.Check{Test: []string{"CMD-SHELL", "[ -e /good ]"}, Interval: 50 * time.Millisecond, Retries: 2, OnFailure: action})
	}
	// Each run notes itself; the second one is good.
	script := "trap 'exit 3' TERM; [ -e /once ] && : >/good; : >/once; echo run; sleep 1000 & wait"
	for name, c := range map[string]struct {
		action string
		change func(*config.CreateRequest)
		state  State
		code   int
		runs   int
	}{
		"restart, without a policy": {health.Restart, withPolicy("", 0), Running, 0, 2},
		"restart of an auto-remove": {health.Restart, func(r *config.CreateRequest) { r.HostConfig.AutoRemove = true }, Running, 0, 2},
		"stop, whatever the policy": {health.Stop, withPolicy("always", 0), Exited, 3, 1},
		"kill, without a policy":    {health.Kill, withPolicy("", 0), Exited, 137, 1},
		"kill, and its policy":      {health.Kill, withPolicy("on-failure", 0), Running, 0, 2},
		"none":                      {health.None, withPolicy("always", 0), Running, 0, 1},
	} {
		id := e.create(script, failing(c.action), c.change)
		e.start(id)
		if c.action == health.None {
			e.isHealth(id, health.Unhealthy, func(c Container) bool { return c.Health.FailingStreak > 4 })
		} else if c.state == Running {
			e.isHealth(id, health.Healthy, nil)
		}
		got := e.becomes(id, c.state)
		// One that runs again may have been slow to become healthy, and been restarted once more.
		if again := c.runs > 1; again && got.Restarts == 0 || !again && got.Restarts != 0 || got.Run.ExitCode != c.code {
			t.Errorf("%s: %d restarts, %+v", name, got.Restarts, got.Run)
		}
	}
}

func TestHealthOutlivesTheDaemonAndItsProbesGoOn(t *testing.T) {
	e := newEngine(t)
	check := health.Check{Test: []string{"CMD-SHELL", "[ ! -e /bad ]"}, Interval: 5 * time.Millisecond, Retries: 1, OnFailure: health.Restart}
	zero := 0
	healthy := e.create("rm -f /bad; exec sleep 1000", withCheck(check), func(r *config.CreateRequest) { r.Config.StopTimeout = &zero })
	late := e.create("exec sleep 1000", withCheck(health.Check{Test: []string{"CMD-SHELL", "true"}, Interval: 20 * time.Millisecond}))
	for _, id := range []string{healthy, late} {
		e.start(id)
		e.isHealth(id, health.Healthy, nil)
	}
	for _, end := range []func(){func() { e.shutDown() }, e.crash} {
		end()
		e.Service.host.Close()
		probing.EndAll(healths(e.Service), stdio.CutTime)
		e.boot()
		for _, id := range []string{healthy, late} {
			if c, err := e.Get(id); err != nil || c.Health == nil || c.Health.Status != health.Healthy || len(c.Health.Log) == 0 {
				t.Fatalf("%+v %v", c.Health, err)
			}
		}
	}
	before, _ := e.Get(late)
	e.isHealth(late, health.Healthy, func(c Container) bool {
		return c.Health.Log[len(c.Health.Log)-1].Start.After(before.Health.Log[len(before.Health.Log)-1].Start)
	})
	if code, _, err := e.exec(healthy, "sh", "-c", "touch /bad"); err != nil || code != 0 {
		t.Fatal(code, err)
	}
	e.isHealth(healthy, health.Healthy, func(c Container) bool { return c.Restarts >= 1 && c.Restart.Asked == restart.Nothing })
	e.quiet()
}

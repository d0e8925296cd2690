package container

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/container/config"
	"berth/internal/container/health"
	"berth/internal/container/record"
	"berth/internal/container/restart"
	"berth/internal/fault"
)

func withPolicy(name string, most int) func(*config.CreateRequest) {
	return func(r *config.CreateRequest) { r.HostConfig.RestartPolicy = restart.Policy{Name: name, Max: most} }
}

// becomes waits until a container is in a state.
func (e *engine) becomes(id string, want State) Container {
	e.t.Helper()
	var c Container
	e.eventually("it is "+string(want), func() (err error) {
		if c, err = e.Get(id); err == nil && c.State != want {
			err = fmt.Errorf("it is %s: %+v %d restarts, %+v", c.State, c.Run, c.Restarts, c.Restart)
		}
		return err
	})
	return c
}

func TestAContainerRunsAgainAsItsPolicySays(t *testing.T) {
	e := newEngine(t)
	ctx := context.Background()
	for name, c := range map[string]struct {
		script   string
		policy   func(*config.CreateRequest)
		runs     int
		restarts int
	}{
		"no":                        {"exit 1", withPolicy("no", 0), 1, 0},
		"on-failure that succeeds":  {"echo run; exit 0", withPolicy("on-failure", 0), 1, 0},
		"on-failure:2":              {"exit 5", withPolicy("on-failure", 2), 3, 2},
		"on-failure that recovers":  {"[ -e /once ] || { touch /once; exit 6; }", withPolicy("on-failure", 0), 2, 1},
		"always that is stopped by": {"[ -e /once ] || { touch /once; exit 0; }; exec sleep 1000", withPolicy("always", 0), 2, 1},
	} {
		id := e.create("echo run; "+strings.TrimPrefix(c.script, "echo run; "), c.policy)
		e.start(id)
		if strings.HasPrefix(name, "always") {
			e.eventually("it runs for the second time", func() error {
				if c, err := e.Get(id); err != nil || c.State != Running || c.Restarts != 1 {
					return fmt.Errorf("%s %d %v", c.State, c.Restarts, err)
				}
				return nil
			})
			e.logged(id, "run\nrun\n")
			zero := 0
			e.must(e.Stop(ctx, id, StopOptions{Timeout: &zero}))
		}
		got := e.becomes(id, Exited)
		if n := strings.Count(e.logs(id), "run\n"); n != c.runs || got.Restarts != c.restarts {
			t.Errorf("%s: %d runs, %d restarts", name, n, got.Restarts)
		}
	}
}

func TestAContainerThatWaitsForItsNextStartCountsAsRunning(t *testing.T) {
	e := newEngine(t)
	ctx := context.Background()
	waiting := func() string {
		t.Helper()
		id := e.create("exit 3", withPolicy("always", 0))
		first, err := e.Wait(ctx, id, WaitNextExit)
		e.must(err)
		e.start(id)
		if r := e.result(first); r.Code != 3 {
			t.Errorf("who waits for the next exit is told %+v", r)
		}
		e.eventually("there is time before its next start", func() error {
			if c, err := e.Get(id); err != nil || c.State != Restarting || c.Restarts < 4 {
				return fmt.Errorf("%s %d %v", c.State, c.Restarts, err)
			}
			return nil
		})
		return id
	}
	id := waiting()
	if err := e.Start(ctx, id); !fault.Is(err, fault.NotModified) {
		t.Error(err)
	}
	text := "Container " + id + " is restarting, wait until the container is running"
	if _, err := e.Execs().ExecCreate(ctx, id, record.ExecConfig{Cmd: []string{"true"}}); !fault.Is(err, fault.Conflict) || err.Error() != text {
		t.Error(err)
	}
	if err := (Streams{e.Service}).Attach(ctx, id, AttachOptions{Stream: true}); !fault.Is(err, fault.Conflict) || err.Error() != text {
		t.Error(err)
	}
	c, err := e.Get(id)
	e.must(err)
	want := `cannot remove container "/` + c.Name + `": container is restarting: stop the container before removing or force remove`
	if err := e.Remove(ctx, id, RemoveOptions{}); !fault.Is(err, fault.Conflict) || err.Error() != want {
		t.Error(err)
	}
	down, err := e.Wait(ctx, id, WaitNotRunning)
	e.must(err)
	e.must(e.Stop(ctx, id, StopOptions{}))
	if r := e.result(down); r.Code != 3 {
		t.Errorf("who waits for its end is told %+v", r)
	}
	if told := e.told(id); !strings.HasSuffix(told, "stop") || strings.HasSuffix(told, "kill, stop") {
		t.Errorf("a start that is called off is told as %s", told)
	}
	if c := e.becomes(id, Exited); c.Run.ExitCode != 3 || c.Restarts < 4 || c.Wanted != WantedDown {
		t.Errorf("stopped: %+v", c)
	}
	e.start(id)
	if c, _ := e.Get(id); c.Restarts > 1 {
		t.Errorf("%d restarts since it was started by hand", c.Restarts)
	}
	e.must(e.Remove(ctx, id, RemoveOptions{Force: true}))

	killed := waiting()
	e.must(e.Kill(ctx, killed, "HUP")) // it has no stop signal of its own: any is a stop
	e.becomes(killed, Exited)
	removed := waiting()
	e.must(e.Remove(ctx, removed, RemoveOptions{Force: true}))
	if _, err := e.Get(removed); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
	changed := waiting()
	entry, err := e.index.Find(changed)
	e.must(err)
	e.must(entry.lock(ctx))
	entry.change(func(c *Container) { c.HostConfig.RestartPolicy = restart.Policy{} })
	e.must(e.runs().policyChanged(entry))
	entry.unlock()
	e.becomes(changed, Exited)
}

func TestWhatWasAskedAndWhenToStartAgainOutliveAKilledDaemon(t *testing.T) {
	e := newEngine(t)
	ctx := context.Background()
	// One that is told to end, and does when the daemon is gone.
	asked := e.create("trap 'while [ ! -e /v/end ]; do sleep 0.01; done; exit 4' TERM; echo up; sleep 1000 & wait", withPolicy("unless-stopped", 0), withVolume)
	e.start(asked)
	e.logged(asked, "up")
	e.must(e.Kill(ctx, asked, "TERM"))
	// One that waits for its next start, and one that ends while there is no daemon.
	waits := e.create("echo run; [ -e /v/well ] && exec sleep 1000; exit 7", withPolicy("on-failure", 0), withVolume)
	e.start(waits)
	ends := e.create("[ -e /once ] && exec sleep 1000; touch /once; echo up; while [ ! -e /v/end ]; do sleep 0.01; done", withPolicy("unless-stopped", 0), withVolume)
	e.start(ends)
	e.logged(ends, "up")
	c := e.becomes(waits, Restarting)
	e.crash()
	e.Service.host.Close() // whose timers go with a process
	e.touch("end")
	e.touch("well")
	e.boot()
	if got := e.becomes(asked, Exited); got.Run.ExitCode != 4 || got.Restarts != 0 {
		t.Errorf("what was told to end: %+v", got)
	}
	if got := e.becomes(waits, Running); got.Restarts < c.Restarts || got.Restart.Asked != restart.Nothing {
		t.Errorf("what waited: %+v", got)
	}
	e.eventually("what ended meanwhile runs again", func() error {
		if c, err := e.Get(ends); err != nil || c.State != Running || c.Restarts != 1 {
			return fmt.Errorf("%s %d %v", c.State, c.Restarts, err)
		}
		return nil
	})
	for _, id := range []string{waits, ends} {
		e.must(e.Remove(ctx, id, RemoveOptions{Force: true}))
	}
	e.must(os.RemoveAll(filepath.Join(e.dir, "volumes/shared")))
	e.quiet()
}

func TestAContainerStoppedByHandIsNotStartedWithTheDaemonButByAlways(t *testing.T) {
	e := newEngine(t)
	ctx := context.Background()
	ids := map[string]string{}
	for _, policy := range []string{"no", "on-failure", "unless-stopped", "always"} {
		ids[policy] = e.create("exec sleep 1000", withPolicy(policy, 0), withCheck(health.Check{Test: []string{"CMD", "sleep", "0"}, Interval: time.Hour}))
		e.start(ids[policy])
		e.must(e.Kill(ctx, ids[policy], ""))
	}
	never := e.create("exec sleep 1000", withPolicy("always", 0))
	e.shutDown()
	e.boot()
	e.becomes(ids["always"], Running)
	for _, policy := range []string{"no", "on-failure", "unless-stopped"} {
		e.becomes(ids[policy], Exited)
	}
	e.becomes(never, Created)
	// Now one by one the others, which went with the machine.
	for _, policy := range []string{"no", "on-failure", "unless-stopped"} {
		e.start(ids[policy])
	}
	e.must(unix.Kill(e.keeper.Pid(), unix.SIGKILL)) // as the end of the machine does
	<-e.keeper.Done()
	e.crash()
	e.Service.host.Close()
	e.boot()
	if c, _ := e.Get(ids["no"]); c.Health == nil || c.Health.Status != health.Unhealthy {
		t.Errorf("the health of what went with the machine is %+v", c.Health)
	}
	for policy, want := range map[string]State{"no": Exited, "on-failure": Running, "unless-stopped": Running, "always": Running} {
		if c := e.becomes(ids[policy], want); c.Restarts != 0 {
			t.Errorf("%s: %d restarts", policy, c.Restarts)
		}
	}
	for _, id := range ids {
		e.must(e.Remove(ctx, id, RemoveOptions{Force: true}))
	}
	e.quiet()
}

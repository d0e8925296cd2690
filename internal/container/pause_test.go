package container

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/container/config"
	"berth/internal/container/execs"
	"berth/internal/container/health"
	"berth/internal/container/record"
	"berth/internal/fault"
	"berth/internal/keeper"
)

// beats is a script that writes a file again and again, and ends with 3 on SIGTERM:
// in wait, where busybox's shell loses no signal.
const beats = "trap 'exit 3' TERM; (while :; do date +%s%N >/v/beat; sleep 0.01; done) & echo up; wait"

// paused starts a container that runs beats and pauses it.
func (e *engine) paused(change ...func(*config.CreateRequest)) string {
	e.t.Helper()
	id := e.create(beats, append(change, withVolume)...)
	e.start(id)
	e.logged(id, "up")
	e.must(e.Changes().Pause(context.Background(), id))
	return id
}

func (e *engine) beat() string {
	b, _ := os.ReadFile(filepath.Join(e.dir, "volumes/shared/_data/beat"))
	return string(b)
}

func (e *engine) isFrozen(id string) bool {
	e.t.Helper()
	x, err := e.index.Find(id)
	e.must(err)
	frozen, err := x.live.Load().Group.Frozen()
	e.must(err)
	return frozen
}

func TestAPausedContainerStandsStillAndRunsOn(t *testing.T) {
	e := newEngine(t)
	ctx := context.Background()
	id := e.paused()
	if c, _ := e.Get(id); c.State != Paused || c.Run.Pid == 0 {
		t.Errorf("it is %s, its process %d", c.State, c.Run.Pid)
	}
	if !e.isFrozen(id) {
		t.Error("it is not frozen")
	}
	for what, got := range map[string]error{
		"container " + id + " is already paused":                              e.Changes().Pause(ctx, id),
		"cannot start a paused container, try unpause instead":                e.Start(ctx, id),
		"Container " + id + " is paused, unpause the container before exec":   execCreate(e, id),
		"container " + id + " is paused, unpause the container before attach": (Streams{e.Service}).Attach(ctx, id, AttachOptions{Stream: true}),
		`cannot remove container "/still": container is paused and must be unpaused first`: func() error {
			e.must(e.Changes().Rename(ctx, id, "still"))
			return e.Remove(ctx, id, RemoveOptions{})
		}(),
	} {
		if !fault.Is(got, fault.Conflict) || got.Error() != what {
			t.Errorf("%v, and should say %s", got, what)
		}
	}
	next, err := e.Wait(ctx, id, WaitNotRunning)
	e.must(err)
	e.must(e.Changes().Unpause(ctx, id))
	was := e.beat()
	e.eventually("its heart beats", func() error {
		if e.beat() == was {
			return fmt.Errorf("it stands at %s", was)
		}
		return nil
	})
	if err := e.Changes().Unpause(ctx, id); !fault.Is(err, fault.Internal) || err.Error() != "Container "+id+" is not paused" {
		t.Error(err)
	}
	e.must(e.Stop(ctx, id, StopOptions{}))
	if got := e.result(next); got.Code != 3 {
		t.Errorf("who waited while it was paused hears %+v", got)
	}
	for _, never := range []string{id, e.create("true")} {
		if err := e.Changes().Pause(ctx, never); !fault.Is(err, fault.Conflict) || err.Error() != "container "+never+" is not running" {
			t.Error(err)
		}
	}
	e.must(os.RemoveAll(filepath.Join(e.dir, "volumes/shared")))
}

func execCreate(e *engine, id string) error {
	_, err := e.Execs().ExecCreate(context.Background(), id, record.ExecConfig{Cmd: []string{"true"}})
	return err
}

func TestAnExecThatWasMadeBeforeAPauseIsNotStartedDuringIt(t *testing.T) {
	e := newEngine(t)
	ctx := context.Background()
	id := e.create("exec sleep 1000")
	e.start(id)
	x, err := e.Execs().ExecCreate(ctx, id, record.ExecConfig{Cmd: []string{"true"}})
	e.must(err)
	e.must(e.Changes().Pause(ctx, id))
	err = e.Execs().ExecStart(ctx, x, execs.StartOptions{Detach: true})
	if !fault.Is(err, fault.Conflict) || err.Error() != "Container "+id+" is paused, unpause the container before exec" {
		t.Error(err)
	}
	e.must(e.Changes().Unpause(ctx, id))
	e.must(e.Execs().ExecStart(ctx, x, execs.StartOptions{Detach: true}))
	e.must(e.Kill(ctx, id, ""))
}

func TestStopAndKillOfAPausedContainerResumeIt(t *testing.T) {
	e := newEngine(t)
	ctx := context.Background()
	ten := 10
	for name, c := range map[string]struct {
		end  func(id string) error
		code int
	}{
		"stop":    {func(id string) error { return e.Stop(ctx, id, StopOptions{Timeout: &ten}) }, 3},
		"kill":    {func(id string) error { return e.Kill(ctx, id, "") }, 137},
		"TERM":    {func(id string) error { return e.Kill(ctx, id, "TERM") }, 3},
		"rm -f":   {func(id string) error { return e.Remove(ctx, id, RemoveOptions{Force: true}) }, 137},
		"stop -t": {func(id string) error { return e.Stop(ctx, id, StopOptions{Timeout: new(int), Signal: "WINCH"}) }, 137},
	} {
		id := e.paused()
		ended, err := e.Wait(ctx, id, WaitNextExit)
		e.must(err)
		if err := c.end(id); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := e.result(ended); got.Code != c.code {
			t.Errorf("%s: exit code %d", name, got.Code)
		}
	}
	// A signal that is not the one by which it is stopped changes nothing.
	id := e.paused(func(r *config.CreateRequest) { r.Config.StopSignal = "TERM" })
	e.must(e.Kill(ctx, id, "USR2"))
	if c, _ := e.Get(id); c.State != Paused || !e.isFrozen(id) {
		t.Errorf("it is %s", c.State)
	}
	e.must(e.Kill(ctx, id, "TERM"))
	if got := e.wait(id, WaitNotRunning); got != 3 {
		t.Errorf("exit code %d", got)
	}
	e.must(os.RemoveAll(filepath.Join(e.dir, "volumes/shared")))
}

func TestANextDaemonFindsAContainerPaused(t *testing.T) {
	e := newEngine(t)
	ctx := context.Background()
	id := e.paused(func(r *config.CreateRequest) { r.HostConfig.NetworkMode = "bridge" })
	left := e.paused()
	e.crash()
	e.boot()
	for _, id := range []string{id, left} {
		if c, _ := e.Get(id); c.State != Paused || c.Run.Pid == 0 || !e.isFrozen(id) {
			t.Errorf("it is %s", c.State)
		}
	}
	e.must(e.Changes().Unpause(ctx, id))
	e.crash() // what a daemon thaws, the next one does not find paused
	e.boot()
	if c, _ := e.Get(id); c.State != Running || !c.Connected() {
		t.Errorf("it is %+v", c)
	}
	e.must(e.Stop(ctx, id, StopOptions{}))
	e.must(e.Remove(ctx, left, RemoveOptions{Force: true}))
	e.must(os.RemoveAll(filepath.Join(e.dir, "volumes/shared")))
}

func TestAPauseThatMeetsAKillLeavesNobodyFrozen(t *testing.T) {
	e := newEngine(t)
	ctx := context.Background()
	for range 20 {
		id := e.create("exec sleep 1000")
		e.start(id)
		done := make(chan error, 1)
		go func() { done <- e.Changes().Pause(ctx, id) }()
		e.must(e.Kill(ctx, id, ""))
		if err := <-done; err != nil && !fault.Is(err, fault.Conflict) {
			t.Error(err)
		}
		if c, _ := e.Get(id); c.State != Exited || c.Run.ExitCode != 137 {
			t.Errorf("it is %s", c.State)
		}
		e.must(e.Remove(ctx, id, RemoveOptions{}))
	}
}

func TestAPausedContainerThatIsLostIsEnded(t *testing.T) {
	e := newEngine(t)
	id := e.paused()
	c, _ := e.Get(id)
	e.must(unix.Kill(e.keeper.Pid(), unix.SIGKILL)) // the keeper and then the daemon
	<-e.keeper.Done()
	e.crash()
	e.boot()
	if c, _ := e.Get(id); c.State != Exited || c.Run.ExitCode != lostExit {
		t.Errorf("it is %s %d", c.State, c.Run.ExitCode)
	}
	e.eventually("the process has ended", func() error {
		if err := unix.Kill(c.Run.Pid, 0); err != unix.ESRCH && !isZombie(c.Run.Pid) {
			return fmt.Errorf("%v", err)
		}
		return nil
	})
	e.start(id) // in a group that is not frozen
	e.logged(id, "up\nup")
	e.must(e.Kill(context.Background(), id, ""))
	e.must(os.RemoveAll(filepath.Join(e.dir, "volumes/shared")))
}

func TestAPausedContainerSurvivesItsKeeper(t *testing.T) {
	e := newEngine(t)
	ctx := context.Background()
	id := e.paused()
	e.must(unix.Kill(e.keeper.Pid(), unix.SIGKILL))
	<-e.keeper.Done()
	var err error
	e.keeper, err = keeper.Ensure(ctx, e.dir+"/exec", keeperProgram(t))
	e.must(err)
	e.held.Store(e.keeper)
	go (Ends{e.Service}).Follow(e.keeper)
	(Ends{e.Service}).Orphaned(e.keeper)
	if c, _ := e.Get(id); c.State != Paused || !e.isFrozen(id) {
		t.Errorf("it is %s", c.State)
	}
	e.must(e.Stop(ctx, id, StopOptions{}))
	if c, _ := e.Get(id); c.State != Exited {
		t.Errorf("it is %s", c.State)
	}
	e.must(os.RemoveAll(filepath.Join(e.dir, "volumes/shared")))
}

func TestNobodyProbesAContainerThatIsPaused(t *testing.T) {
	e := newEngine(t)
	ctx := context.Background()
	id := e.create("exec sleep 1000", withCheck(health.Check{Test: []string{"CMD", "true"}, Interval: 5 * time.Millisecond}))
	e.start(id)
	e.isHealth(id, health.Healthy, nil)
	x, err := e.index.Find(id)
	e.must(err)
	for range 2 {
		e.must(e.Changes().Pause(ctx, id))
		if x.health.Probed() {
			t.Error("it is probed")
		}
		e.isHealth(id, health.Unhealthy, nil) // Docker's word while nobody probes
		e.crash()
		e.boot()
		x, err = e.index.Find(id)
		e.must(err)
		if x.health.Probed() {
			t.Error("the next daemon probes it")
		}
		e.must(e.Changes().Unpause(ctx, id))
		e.isHealth(id, health.Healthy, nil)
	}
	e.must(e.Kill(ctx, id, ""))
}

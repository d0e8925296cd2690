package container

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"berth/internal/container/config"
	"berth/internal/container/restart"
	"berth/internal/fault"
)

func TestADaemonThatEndsGivesItsSlowestContainerItsTime(t *testing.T) {
	up := func(seconds int) Container {
		c := Container{State: Running}
		c.Config.StopTimeout = &seconds
		return c
	}
	down := up(1000)
	down.State = Exited
	still := up(30)
	still.State = Paused
	for _, c := range []struct {
		seconds int
		list    []Container
		want    int
	}{
		{15, nil, 15}, {15, []Container{{State: Running}}, 15}, {10, []Container{{State: Running}}, 15}, {60, []Container{up(20)}, 60},
		{15, []Container{up(20), up(40)}, 45}, {15, []Container{down}, 15}, {15, []Container{still}, 35}, {15, []Container{up(20), up(-1)}, -1},
		{-1, []Container{up(20)}, -1}, {-1, nil, -1}, {0, nil, 0},
	} {
		if got := shutdownTime(c.seconds, c.list); got != c.want {
			t.Errorf("%d and %d containers: %d, and should be %d", c.seconds, len(c.list), got, c.want)
		}
	}
}

// obeys is a script that ends with 3 when it is asked to.
const obeys = "trap 'exit 3' TERM; sleep 1000 & echo up; wait"

func withoutTime(r *config.CreateRequest) { r.Config.StopTimeout = new(int) }

func TestContainersEndWithTheirDaemonAndComeBackByTheirPolicy(t *testing.T) {
	e := newEngine(t)
	ctx := context.Background()
	plain := e.create(obeys)
	deaf := e.create("exec sleep 1000", withoutTime)
	always := e.create(obeys, withPolicy(restart.Always, 0))
	unless := e.create("exec sleep 1000", withoutTime, withPolicy(restart.UnlessStopped, 0))
	failing := e.create(obeys, withPolicy(restart.OnFailure, 0))
	auto := e.create(obeys, func(r *config.CreateRequest) { r.HostConfig.AutoRemove = true })
	byHand := e.create("exec sleep 1000", withoutTime, withPolicy(restart.UnlessStopped, 0))
	waits := e.create("exit 1", withPolicy(restart.Always, 0))
	all := []string{plain, deaf, always, unless, failing, auto, byHand, waits}
	for _, id := range all {
		e.start(id)
	}
	for _, id := range []string{plain, always, failing, auto} {
		e.logged(id, "up")
	}
	still := e.paused()
	e.must(e.Stop(ctx, byHand, StopOptions{}))
	ended, err := e.Wait(ctx, plain, WaitNotRunning)
	e.must(err)
	e.must((Shutdown{e.Service}).StopAll(15))
	if got := e.result(ended); got.Code != 3 {
		t.Errorf("exit code %d", got.Code)
	}
	for id, code := range map[string]int{plain: 3, deaf: 137, always: 3, unless: 137, failing: 3, still: 3} {
		if c, _ := e.Get(id); c.State != Exited || c.Run.ExitCode != code {
			t.Errorf("%s: %s %d", c.Args, c.State, c.Run.ExitCode)
		}
	}
	if err := e.Start(ctx, plain); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a start now: %v", err)
	}
	if e.shutDown() {
		t.Error("it says that something runs")
	}
	e.boot()
	for _, id := range []string{always, unless, failing} {
		e.becomes(id, Running)
	}
	for _, id := range []string{plain, deaf, still, byHand} {
		if c, _ := e.Get(id); c.State != Exited {
			t.Errorf("%s: %s", c.Args, c.State)
		}
	}
	if _, err := e.Get(auto); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
	e.eventually("the one that waited is started", func() error {
		if c, _ := e.Get(waits); c.Restarts == 0 && c.State != Running {
			return errors.New(string(c.State))
		}
		return nil
	})
	e.must(os.RemoveAll(filepath.Join(e.dir, "volumes/shared")))
}

func TestADaemonThatKeepsNothingStopsWhatIsLeft(t *testing.T) {
	e := newEngine(t)
	plain, always := e.create(obeys), e.create(obeys, withPolicy(restart.Always, 0))
	for _, id := range []string{plain, always} {
		e.start(id)
		e.logged(id, "up")
	}
	before, _ := e.Get(always)
	e.crash()
	e.boot()
	fresh := e.create("exec sleep 1000")
	e.start(fresh)
	e.must((Shutdown{e.Service}).StopLeft(15))
	if c, _ := e.Get(plain); c.State != Exited || c.Run.ExitCode != 3 {
		t.Errorf("%s %d", c.State, c.Run.ExitCode)
	}
	e.eventually("its policy starts it", func() error {
		if c, _ := e.Get(always); c.State != Running || c.Run.Pid == before.Run.Pid {
			return fmt.Errorf("%s %d", c.State, c.Run.Pid)
		}
		return nil
	})
	if c, _ := e.Get(fresh); c.State != Running {
		t.Errorf("what this daemon has started is %s", c.State)
	}
}

func TestAStopThatTakesTooLongIsSaid(t *testing.T) {
	e := newEngine(t)
	long := 1000
	id := e.create("exec sleep 1000", func(r *config.CreateRequest) { r.Config.StopTimeout = &long })
	e.start(id)
	x, err := e.index.Find(id)
	e.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := (Shutdown{e.Service}).takeDown(ctx, []*entry{x}); err == nil || err.Error() != "not all containers have ended in time" {
		t.Error(err)
	}
	e.must(e.Kill(context.Background(), id, ""))
}

func TestADaemonThatEndsTellsAllContainersAtOnce(t *testing.T) {
	e := newEngine(t)
	// Each ends only once the other has been told.
	told := func(me, other string) string {
		return "trap 'touch /v/" + me + "; while [ ! -e /v/" + other + " ]; do sleep 0.01; done; exit 3' TERM; sleep 1000 & echo up; wait"
	}
	ids := []string{e.create(told("a", "b"), withVolume), e.create(told("b", "a"), withVolume)}
	for _, id := range ids {
		e.start(id)
		e.logged(id, "up")
	}
	e.must((Shutdown{e.Service}).StopAll(15))
	for _, id := range ids {
		if c, _ := e.Get(id); c.State != Exited || c.Run.ExitCode != 3 {
			t.Errorf("%s %d", c.State, c.Run.ExitCode)
		}
	}
	e.must(os.RemoveAll(filepath.Join(e.dir, "volumes/shared")))
}

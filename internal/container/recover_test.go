package container

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/container/config"
	"berth/internal/container/execs"
	"berth/internal/container/record"
	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/keeper"
	"berth/internal/state"
)

// counts is a script that writes numbered lines until its file is there.
func counts(stop string) string {
	return "i=0; while [ ! -e /v/" + stop + " ]; do echo line $i; i=$((i+1)); done; echo end; exit 9"
}

func withVolume(r *config.CreateRequest) {
	r.HostConfig.Mounts = append(r.HostConfig.Mounts, config.Mount{Type: "volume", Source: "shared", Target: "/v"})
}

func (e *engine) touch(name string) {
	e.t.Helper()
	e.must(os.WriteFile(filepath.Join(e.dir, "volumes/shared/_data", name), nil, 0o644))
}

// checkCounted looks for lines that are missing, torn, or there twice.
func (e *engine) checkCounted(id string) {
	e.t.Helper()
	lines := strings.Split(strings.TrimSuffix(e.logs(id), "\n"), "\n")
	if len(lines) < 100 || lines[len(lines)-1] != "end" {
		e.t.Fatalf("%d lines, the last is %q", len(lines), lines[len(lines)-1])
	}
	for i, line := range lines[:len(lines)-1] {
		if want := fmt.Sprintf("line %d", i); line != want {
			e.t.Fatalf("line %d is %q", i, line)
		}
	}
}

func TestNoLineIsLostOrDoubledWhenTheDaemonIsRestarted(t *testing.T) {
	e := newEngine(t)
	ids := []string{e.create(counts("a"), withVolume), e.create(counts("b"), withVolume)}
	for _, id := range ids {
		e.start(id)
		e.logged(id, "line 100")
	}
	for round := range 5 {
		if !e.shutDown() {
			t.Fatal("it says that nothing runs")
		}
		if round == 3 {
			e.touch("a") // ends while nobody is there
		}
		e.boot()
	}
	e.touch("b")
	for _, id := range ids {
		if got := e.wait(id, WaitNotRunning); got != 9 {
			t.Errorf("exit code %d", got)
		}
		e.checkCounted(id)
	}
	e.must(os.RemoveAll(filepath.Join(e.dir, "volumes/shared")))
}

func TestASecondDaemonCarriesOnWhereAKilledOneStopped(t *testing.T) {
	e := newEngine(t)
	bridge := func(r *config.CreateRequest) { r.HostConfig.NetworkMode = "bridge" }
	alive := e.create("echo ready; while [ ! -e /v/stop ]; do sleep 0.01; done; echo bye; exit 4", withVolume, bridge)
	gone := e.create("while [ ! -e /v/gone ]; do sleep 0.01; done; echo gone; exit 6", withVolume, bridge)
	auto := e.create("while [ ! -e /v/gone ]; do sleep 0.01; done", withVolume, func(r *config.CreateRequest) { r.HostConfig.AutoRemove = true })
	tty := e.create("stty -echo; echo ready; cat; true", func(r *config.CreateRequest) { r.Config.Tty, r.Config.OpenStdin = true, true })
	never := e.create("true")
	done := e.create("exit 3")
	for _, id := range []string{alive, gone, auto, tty, done} {
		e.start(id)
	}
	e.wait(done, WaitNotRunning)
	e.logged(alive, "ready")
	e.logged(tty, "ready")
	x, err := e.Execs().ExecCreate(context.Background(), alive, record.ExecConfig{Cmd: []string{"sh", "-c", "while [ ! -e /v/exec ]; do sleep 0.01; done; exit 2"}})
	e.must(err)
	e.must(e.Execs().ExecStart(context.Background(), x, execs.StartOptions{Detach: true}))
	before, _ := e.Get(alive)

	e.crash()
	e.touch("gone")
	e.eventually("they have ended", func() error {
		for _, id := range []string{gone, auto} {
			if _, err := keeper.ReadExitFile(e.dir + "/exec/exits/" + id); err != nil {
				return err
			}
		}
		return nil
	})
	e.boot()

	if c, err := e.Get(alive); err != nil || c.State != Running || c.Run != before.Run || c.Primary().Address != before.Primary().Address {
		t.Errorf("the running one is %+v, %v", c, err)
	}
	if c, _ := e.Get(gone); c.State != Exited || c.Run.ExitCode != 6 || c.Connected() {
		t.Errorf("the one that ended meanwhile is %+v", c)
	}
	if got := e.logs(gone); got != "gone\n" {
		t.Errorf("its log is %q", got)
	}
	if _, err := e.Get(auto); !fault.Is(err, fault.NotFound) {
		t.Errorf("the one that goes by itself: %v", err)
	}
	if c, _ := e.Get(never); c.State != Created {
		t.Errorf("the one never started is %s", c.State)
	}
	if c, _ := e.Get(done); c.State != Exited || c.Run.ExitCode != 3 {
		t.Errorf("the one that was over is %+v", c.Run)
	}
	if in, err := e.Execs().ExecInspect(x); err != nil || !in.Running {
		t.Errorf("the exec: %+v, %v", in, err)
	}
	e.must((Streams{e.Service}).Resize(context.Background(), tty, 20, 20))
	if code, _, err := e.exec(alive, "true"); code != 0 || err != nil {
		t.Errorf("an exec afterwards: %d, %v", code, err)
	}
	e.touch("exec")
	e.eventually("the exec's end is known", func() error {
		if in, err := e.Execs().ExecInspect(x); err != nil || in.ExitCode == nil || *in.ExitCode != 2 {
			return fmt.Errorf("%+v, %w", in, errors.Join(err, errors.New("no")))
		}
		return nil
	})
	e.touch("stop")
	if got := e.wait(alive, WaitNotRunning); got != 4 {
		t.Errorf("exit code %d", got)
	}
	if got := e.logs(alive); got != "ready\nbye\n" {
		t.Errorf("its log is %q", got)
	}
	e.must(os.RemoveAll(filepath.Join(e.dir, "volumes/shared")))
}

func TestAStartThatNobodyWasToldOfIsUndone(t *testing.T) {
	e := newEngine(t)
	id := e.create("exec sleep 1000", func(r *config.CreateRequest) { r.HostConfig.NetworkMode = "bridge" })
	record, _ := e.Get(id)
	e.start(id)
	c, _ := e.Get(id)
	e.must(e.store.Commit(put(record))) // as if the crash had come before the start's record
	e.crash()
	e.boot()
	if c, _ := e.Get(id); c.State != Created {
		t.Errorf("it is %s", c.State)
	}
	e.eventually("the process has ended", func() error {
		if err := unix.Kill(c.Run.Pid, 0); err != unix.ESRCH {
			return fmt.Errorf("%v", err)
		}
		return nil
	})
	e.start(id)
	e.must(e.Kill(context.Background(), id, ""))
}

func TestALostRunIsRecordedAndItsProcessesAreEnded(t *testing.T) {
	e := newEngine(t)
	id := e.create("exec sleep 1000")
	auto := e.create("exec sleep 1000", func(r *config.CreateRequest) { r.HostConfig.AutoRemove = true })
	e.start(id)
	e.start(auto)
	c, _ := e.Get(id)
	e.must(unix.Kill(e.keeper.Pid(), unix.SIGKILL)) // the keeper and then the daemon
	<-e.keeper.Done()
	e.crash()
	e.boot()
	got, _ := e.Get(id)
	if got.State != Exited || got.Run.ExitCode != lostExit || got.Run.Started.IsZero() {
		t.Errorf("%+v", got)
	}
	e.eventually("the process has ended", func() error {
		if err := unix.Kill(c.Run.Pid, 0); err != unix.ESRCH && !isZombie(c.Run.Pid) {
			return fmt.Errorf("%v", err)
		}
		return nil
	})
	if _, err := e.Get(auto); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
	e.start(id)
	e.must(e.Kill(context.Background(), id, ""))
}

// isZombie reports a process that nobody reaps, as where pid 1 does not.
func isZombie(pid int) bool {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, after, _ := strings.Cut(string(b), ") ")
	return strings.HasPrefix(after, "Z")
}

func TestContainersSurviveTheirKeeper(t *testing.T) {
	e := newEngine(t)
	id := e.create("while [ ! -e /v/stop ]; do sleep 0.01; done; echo bye; exit 4", withVolume)
	e.start(id)
	x, err := e.Execs().ExecCreate(context.Background(), id, record.ExecConfig{Cmd: []string{"sleep", "1000"}})
	e.must(err)
	e.must(e.Execs().ExecStart(context.Background(), x, execs.StartOptions{Detach: true}))
	e.must(unix.Kill(e.keeper.Pid(), unix.SIGKILL))
	<-e.keeper.Done()
	e.keeper, err = keeper.Ensure(context.Background(), e.dir+"/exec", keeperProgram(t))
	e.must(err)
	e.held.Store(e.keeper)
	go (Ends{e.Service}).Follow(e.keeper)
	(Ends{e.Service}).Orphaned(e.keeper)
	(Ends{e.Service}).Orphaned(e.keeper) // as if that one had died too
	if code, _, err := e.exec(id, "true"); code != 0 || err != nil {
		t.Errorf("an exec afterwards: %d, %v", code, err)
	}
	e.touch("stop")
	if got := e.wait(id, WaitNotRunning); got != 4 && got != lostExit { // older kernels do not tell
		t.Errorf("exit code %d", got)
	}
	if got := e.logs(id); got != "bye\n" {
		t.Errorf("the log is %q", got)
	}
	e.eventually("the exec's end is known", func() error {
		if in, err := e.Execs().ExecInspect(x); err != nil || in.Running {
			return fmt.Errorf("%+v, %w", in, err)
		}
		return nil
	})
	e.must(os.RemoveAll(filepath.Join(e.dir, "volumes/shared")))
}

func TestAnEndToldTwiceDoesNotEndTheNextRun(t *testing.T) {
	e := newEngine(t)
	id := e.create("exec sleep 1000")
	e.start(id)
	e.must(e.Kill(context.Background(), id, ""))
	e.start(id)
	e.runs().ended(e.keeper, id, keeper.Exit{Code: 137})
	if c, _ := e.Get(id); c.State != Running {
		t.Errorf("it is %s", c.State)
	}
	e.must(e.Kill(context.Background(), id, ""))
}

func TestAnExitThatCannotBeRecordedIsNotLost(t *testing.T) {
	e := newEngine(t)
	id := e.create("while [ ! -e /v/stop ]; do sleep 0.01; done; exit 3", withVolume)
	unrecorded := func() {
		t.Helper()
		e.must(e.store.Close()) // as a full disk: nothing can be written
		e.touch("stop")
		if got := e.wait(id, WaitNotRunning); got != 3 {
			t.Errorf("exit code %d", got)
		}
		e.eventually("its end is complete", func() error {
			c, err := e.index.Find(id)
			if err == nil && c.lock(context.Background()) == nil {
				c.unlock()
			}
			return err
		})
		e.quiet()
		e.must(os.Remove(filepath.Join(e.dir, "volumes/shared/_data/stop")))
	}
	e.start(id)
	unrecorded()
	e.keeper.Close()
	e.boot()
	if c, _ := e.Get(id); c.State != Exited || c.Run.ExitCode != 3 {
		t.Errorf("the next daemon says %+v", c)
	}

	e.start(id)
	unrecorded()
	var err error
	e.store, err = state.Open(e.dir + "/state.db") // there is room again
	e.must(err)
	e.deps.Store = e.store
	e.start(id) // although the keeper still knows the run before
	e.must(e.Kill(context.Background(), id, ""))
	e.must(os.RemoveAll(filepath.Join(e.dir, "volumes/shared")))
}

func TestWhatACrashLeftHalfDoneIsSweptAndTheTrashStaysUsable(t *testing.T) {
	e := newEngine(t)
	kept := e.create("true")
	e.crash()
	for _, d := range []string{"containers/strayed/layer", "containers/.trash/old/layer", "containers/.trash/" + kept + "/layer"} {
		e.must(os.MkdirAll(filepath.Join(e.dir, d), 0o755))
	}
	exits := []string{"exec/exits/" + strings.Repeat("a", record.IDLength), "exec/exits/" + kept, "exec/exits/" + kept + ".new"}
	for _, f := range exits {
		e.must(os.WriteFile(filepath.Join(e.dir, f), nil, 0o600))
	}
	e.boot()
	e.eventually("it is swept", func() error {
		for _, d := range append(exits, "containers/strayed", "containers/.trash/old", "containers/.trash/"+kept) {
			if _, err := os.Stat(filepath.Join(e.dir, d)); !os.IsNotExist(err) {
				return fmt.Errorf("%s: %v", d, err)
			}
		}
		return nil
	})
	if _, err := os.Stat(filepath.Join(e.dir, "containers", kept)); err != nil {
		t.Error(err)
	}
}

// The removal of a container that goes by itself is written by whatever is committed next: it may be on the disk
// before anybody has been told of it.
func TestTheNextDaemonTellsOfARemovalThatAnothersCommitHasBrought(t *testing.T) {
	e := newEngine(t)
	id := e.create("true", func(r *config.CreateRequest) { r.HostConfig.AutoRemove = true })
	c, err := e.Get(id)
	e.must(err)
	e.must(e.runs().forget(c, true))
	e.must(e.store.Commit())
	e.crash()
	e.boot()
	told := 0
	e.must(e.events.Find(time.Time{}, func(m event.Message) bool {
		if m.ID == id && m.Action == event.Destroy {
			told++
		}
		return true
	}))
	if told != 1 {
		t.Errorf("the removal is told %d times", told)
	}
}

func TestWhatTheKeeperTookInOfARunThatIsLostIsInItsLog(t *testing.T) {
	e := newEngine(t)
	id := e.create("echo ready; while [ ! -e /v/say ]; do sleep 0.01; done; echo spooled; exec sleep 1000", withVolume)
	e.start(id)
	e.logged(id, "ready")
	spool := e.deps.Paths.Spool(id)
	stranger := e.deps.Paths.Spool(record.NewID())
	e.crash()
	e.touch("say")
	e.eventually("the keeper has taken the output in", func() error {
		text, err := os.ReadFile(spool)
		if err == nil && !strings.Contains(string(text), "spooled") {
			err = errors.New("not yet")
		}
		return err
	})
	e.must(os.WriteFile(stranger, nil, 0o600)) // of one that nobody knows any more
	e.must(unix.Kill(e.keeper.Pid(), unix.SIGKILL))
	e.eventually("the keeper has gone", func() error {
		if unix.Kill(e.keeper.Pid(), 0) == nil {
			return errors.New("it is there")
		}
		return nil
	})
	e.boot()
	e.logged(id, "spooled")
	for _, path := range []string{spool, stranger} {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", path, err)
		}
	}
	e.must(os.RemoveAll(filepath.Join(e.dir, "volumes/shared")))
}

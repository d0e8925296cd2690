package container

import (
	"context"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/container/config"
	"berth/internal/container/execs"
	"berth/internal/container/record"
	"berth/internal/fault"
)

func TestAContainersLifeFromCreateToRemove(t *testing.T) {
	e := newEngine(t)
	id := e.create("echo out; echo err >&2; exit 7", func(r *config.CreateRequest) { r.Name = "one"; r.HostConfig.NetworkMode = "bridge" })
	next, err := e.Wait(context.Background(), "one", WaitNextExit)
	e.must(err)
	e.start(id[:8])
	if got := e.result(next); got.Code != 7 || got.Err != "" {
		t.Errorf("the wait says %+v", got)
	}
	c, err := e.Get("/one")
	e.must(err)
	if c.State != Exited || c.Run.ExitCode != 7 || c.Run.Pid != 0 || c.Run.Finished.Before(c.Run.Started) || c.Connected() {
		t.Errorf("afterwards it is %+v", c)
	}
	if got := e.logs(id); !strings.Contains(got, "out\n") || !strings.Contains(got, "err\n") {
		t.Errorf("the log is %q", got)
	}
	if got := e.wait(id, WaitNotRunning); got != 7 {
		t.Errorf("a later wait says %d", got)
	}
	e.start(id) // again
	if got := e.wait(id, WaitNotRunning); got != 7 {
		t.Errorf("the second run says %d", got)
	}
	e.must(e.Remove(context.Background(), id, RemoveOptions{}))
	if _, err := e.Get(id); !fault.Is(err, fault.NotFound) {
		t.Errorf("after its removal: %v", err)
	}
}

func TestAFailedStartSaysWhyAndCanBeTriedAgain(t *testing.T) {
	e := newEngine(t)
	for _, c := range []struct {
		cmd  string
		code int
		kind fault.Kind
	}{{"nothing-like-it", 127, fault.Invalid}, {"/plain", 126, fault.Invalid}, {"/etc", 126, fault.Invalid}} {
		id := e.create("", func(r *config.CreateRequest) { r.Config.Cmd = []string{c.cmd}; r.HostConfig.NetworkMode = "bridge" })
		for range 2 {
			if err := e.Start(context.Background(), id); !fault.Is(err, c.kind) {
				t.Errorf("%s: %v", c.cmd, err)
			}
			got, err := e.Get(id)
			e.must(err)
			if got.State != Created || got.Run.ExitCode != c.code || got.Run.Error == "" || got.Wanted != WantedDown {
				t.Errorf("%s: %+v", c.cmd, got)
			}
		}
		if left := e.net.left(); len(left) > 0 {
			t.Errorf("%s keeps %v", c.cmd, left)
		}
	}
}

func TestEveryStepOfAStartThatFailsGivesBackWhatCameBefore(t *testing.T) {
	e := newEngine(t)
	private := t.TempDir() // a mount that is not shared
	e.must(unix.Mount("none", private, "tmpfs", 0, ""))
	t.Cleanup(func() { e.must(unix.Unmount(private, unix.MNT_DETACH)) })
	e.must(unix.Mount("", private, "", unix.MS_PRIVATE, ""))
	for name, change := range map[string]func(*config.CreateRequest){
		"user": func(r *config.CreateRequest) { r.Config.User = "nobody-known" },
		"device": func(r *config.CreateRequest) {
			r.HostConfig.Devices = []config.Device{{Host: "/dev/nothing", Container: "/dev/x", Permissions: "rwm"}}
		},
		"sysctl":  func(r *config.CreateRequest) { r.HostConfig.Sysctls = map[string]string{"net.ipv4.nothing": "1"} },
		"seccomp": func(r *config.CreateRequest) { r.HostConfig.SecurityOpt = []string{"seccomp={"} },
		"limit": func(r *config.CreateRequest) {
			r.HostConfig.Resources.BlkioReadBps = []config.DeviceRate{{Path: "/dev/null", Rate: 1}}
		},
		"shared mount": func(r *config.CreateRequest) {
			r.HostConfig.Mounts = []config.Mount{{Type: "bind", Source: private, Target: "/x", Propagation: "rshared"}}
		},
	} {
		id := e.create("true", change, func(r *config.CreateRequest) { r.HostConfig.NetworkMode = "bridge" })
		if err := e.Start(context.Background(), id); err == nil {
			t.Errorf("%s: it started", name)
		}
		if c, _ := e.Get(id); c.State != Created || c.Run.ExitCode == 0 {
			t.Errorf("%s: %s %d", name, c.State, c.Run.ExitCode)
		}
		e.must(e.Remove(context.Background(), id, RemoveOptions{}))
	}
	for mode, want := range map[string]string{
		"nope":           "failed to set up container networking: network nope not found",
		"container:nope": "joining network namespace of container: No such container: nope",
	} {
		id := e.create("true", func(r *config.CreateRequest) { r.HostConfig.NetworkMode = mode })
		if err := e.Start(context.Background(), id); !fault.Is(err, fault.NotFound) || err.Error() != want {
			t.Errorf("%s: %v", mode, err)
		}
	}
	e.net.refuse = fault.New(fault.Internal, "no more addresses")
	id := e.create("true", func(r *config.CreateRequest) { r.HostConfig.NetworkMode = "bridge" })
	if err := e.Start(context.Background(), id); err == nil || !strings.Contains(err.Error(), "failed to set up container networking: no more addresses") {
		t.Error(err)
	}
}

func TestAFailedStartOfAnAutoRemoveContainerRemovesIt(t *testing.T) {
	e := newEngine(t)
	id := e.create("", func(r *config.CreateRequest) {
		r.Config.Cmd = []string{"nothing-like-it"}
		r.HostConfig.AutoRemove = true
	})
	removed, err := e.Wait(context.Background(), id, WaitRemoved)
	e.must(err)
	if err := e.Start(context.Background(), id); err == nil {
		t.Fatal("it started")
	}
	if got := e.result(removed); got.Code != 127 {
		t.Errorf("%+v", got)
	}
	if _, err := e.Get(id); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
}

func TestAnAutoRemoveContainerTakesItsVolumesAndTellsItsExitCode(t *testing.T) {
	e := newEngine(t)
	id := e.create("cat /data/seed; exit 3", func(r *config.CreateRequest) {
		r.HostConfig.AutoRemove = true
		r.Config.Volumes = []string{"/data"}
	})
	removed, err := e.Wait(context.Background(), id, WaitRemoved)
	e.must(err)
	var out syncBuffer
	attached := make(chan error, 1)
	joined := make(chan struct{})
	go func() {
		attached <- (Streams{e.Service}).Attach(context.Background(), id, AttachOptions{Stream: true, Open: func(bool) (io.Reader, io.Writer, io.Writer, error) {
			close(joined)
			return nil, &out, &out, nil
		}})
	}()
	<-joined
	e.start(id)
	if got := e.result(removed); got.Code != 3 {
		t.Errorf("%+v", got)
	}
	e.must(<-attached)
	if out.String() != "from the image\n" {
		t.Errorf("the client saw %q", out.String())
	}
}

func TestStopAsksFirstAndKillsAfterwards(t *testing.T) {
	e := newEngine(t)
	kind := e.create("trap 'exit 5' TERM; echo ready; while :; do sleep 0.01; done")
	deaf := e.create("trap '' TERM; echo ready; while :; do sleep 0.01; done")
	slow := e.create("trap 'sleep 0.2; exit 5' TERM; echo ready; while :; do sleep 0.01; done")
	for id, want := range map[string]int{kind: 5, deaf: 137, slow: 5} {
		e.start(id)
		e.logged(id, "ready")
		timeout := 1
		if want == 5 {
			timeout = -1
		}
		if id == slow {
			timeout = math.MaxInt // seconds: in nanoseconds it would be less than nothing
		}
		e.must(e.Stop(context.Background(), id, StopOptions{Timeout: &timeout}))
		if c, _ := e.Get(id); c.State != Exited || c.Run.ExitCode != want || c.Wanted != WantedDown {
			t.Errorf("%+v, want exit code %d", c.Run, want)
		}
		if err := e.Stop(context.Background(), id, StopOptions{}); !fault.Is(err, fault.NotModified) {
			t.Errorf("stopping it again: %v", err)
		}
	}
}

func TestAStopGoesOnWhenItsClientIsGone(t *testing.T) {
	e := newEngine(t)
	id := e.create("trap 'sleep 0.3; exit 5' TERM; echo ready; while :; do sleep 0.01; done")
	e.start(id)
	e.logged(id, "ready")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	e.must(e.Stop(ctx, id, StopOptions{}))
	if c, _ := e.Get(id); c.Run.ExitCode != 5 {
		t.Errorf("exit code %d: it did not get its time", c.Run.ExitCode)
	}
}

func TestKillSignalsAndSaysWhenThereIsNothingToKill(t *testing.T) {
	e := newEngine(t)
	id := e.create("trap 'echo hup' HUP; echo ready; while :; do sleep 0.01; done")
	if err := e.Kill(context.Background(), id, ""); !fault.Is(err, fault.Conflict) || !strings.HasSuffix(err.Error(), "container "+id+" is not running") {
		t.Error(err)
	}
	e.start(id)
	e.logged(id, "ready")
	e.must(e.Kill(context.Background(), id, "HUP"))
	e.logged(id, "hup")
	if err := e.Kill(context.Background(), id, "NOSUCH"); !fault.Is(err, fault.Invalid) {
		t.Error(err)
	}
	if err := e.Remove(context.Background(), id, RemoveOptions{}); !fault.Is(err, fault.Conflict) || !strings.HasSuffix(err.Error(), "container is running: stop the container before removing or force remove") {
		t.Error(err)
	}
	if err := e.Start(context.Background(), id); !fault.Is(err, fault.NotModified) {
		t.Error(err)
	}
	e.must(e.Kill(context.Background(), id, ""))
	if c, _ := e.Get(id); c.State != Exited || c.Run.ExitCode != 137 {
		t.Errorf("%+v", c.Run)
	}
}

func TestVerbsThatMeetAStartWaitForItsOutcome(t *testing.T) {
	e := newEngine(t)
	for name, verb := range map[string]func(id string) error{
		"stop":      func(id string) error { zero := 0; return e.Stop(context.Background(), id, StopOptions{Timeout: &zero}) },
		"kill":      func(id string) error { return e.Kill(context.Background(), id, "KILL") },
		"remove -f": func(id string) error { return e.Remove(context.Background(), id, RemoveOptions{Force: true}) },
	} {
		id := e.create("exec sleep 1000")
		started := make(chan error, 1)
		go func() { started <- e.Start(context.Background(), id) }()
		e.eventually("the start has begun", func() error {
			if c, _ := e.Get(id); c.State == Created {
				return errors.New("not yet")
			}
			return nil
		})
		if err := verb(id); err != nil {
			t.Errorf("%s during the start: %v", name, err)
		}
		e.must(<-started)
		if c, err := e.Get(id); err == nil && c.State != Exited {
			t.Errorf("%s left it %s", name, c.State)
		}
	}
}

func TestTwoClientsSeeTheSameAndOneInputEndsItself(t *testing.T) {
	e := newEngine(t)
	id := e.create("cat; echo done", func(r *config.CreateRequest) { r.Config.OpenStdin, r.Config.StdinOnce = true, true })
	var outs [2]syncBuffer
	attached := make(chan error, 2)
	joined := make(chan struct{}, 2)
	for i := range outs {
		go func() {
			attached <- (Streams{e.Service}).Attach(context.Background(), id, AttachOptions{Stream: true, Open: func(bool) (io.Reader, io.Writer, io.Writer, error) {
				joined <- struct{}{}
				if i == 0 {
					return strings.NewReader("typed\n"), &outs[i], &outs[i], nil
				}
				return nil, &outs[i], &outs[i], nil
			}})
		}()
		<-joined
	}
	e.start(id)
	for range outs {
		select {
		case err := <-attached:
			e.must(err)
		case <-time.After(patience):
			t.Fatal("a client is still attached")
		}
	}
	for i := range outs {
		if got := outs[i].String(); got != "typed\ndone\n" {
			t.Errorf("client %d saw %q", i, got)
		}
	}
	if got := e.wait(id, WaitNotRunning); got != 0 {
		t.Errorf("exit code %d", got)
	}
}

func TestAClientThatDetachesLeavesTheContainerRunning(t *testing.T) {
	e := newEngine(t)
	id := e.create("stty -echo; echo ready; cat; true", func(r *config.CreateRequest) { r.Config.Tty, r.Config.OpenStdin = true, true })
	e.start(id)
	e.logged(id, "ready")
	var out syncBuffer
	e.must((Streams{e.Service}).Attach(context.Background(), id, AttachOptions{Stream: true, Open: func(bool) (io.Reader, io.Writer, io.Writer, error) {
		return strings.NewReader("hi\n\x10\x11"), &out, nil, nil
	}}))
	if c, _ := e.Get(id); c.State != Running {
		t.Errorf("it is %s", c.State)
	}
	e.must((Streams{e.Service}).Resize(context.Background(), id, 30, 100))
	code, got, err := e.exec(id, "cat", "/proc/1/comm")
	if err != nil || code != 0 || got != "sh\n" {
		t.Errorf("%d %q %v", code, got, err)
	}
}

func TestAClientThatTakesNothingDoesNotHoldTheEndUp(t *testing.T) {
	e := newEngine(t)
	id := e.create("yes | head -c 1000000; echo; echo last")
	block := make(chan struct{})
	defer close(block)
	joined := make(chan struct{})
	go (Streams{e.Service}).Attach(context.Background(), id, AttachOptions{Stream: true, Open: func(bool) (io.Reader, io.Writer, io.Writer, error) {
		close(joined)
		return nil, writerFunc(func(p []byte) (int, error) { <-block; return 0, io.ErrClosedPipe }), nil, nil
	}})
	<-joined
	e.start(id)
	e.must(e.Kill(context.Background(), id, "KILL"))
	if c, _ := e.Get(id); c.State != Exited || c.Run.ExitCode != 137 {
		t.Errorf("%+v", c.Run)
	}
	e.start(id)
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestAnOomKillIsTold(t *testing.T) {
	e := newEngine(t)
	id := e.create("exec dd if=/dev/zero of=/dev/null bs=100M count=1", func(r *config.CreateRequest) { r.HostConfig.Resources.Memory = 16 << 20 })
	e.start(id)
	if got := e.wait(id, WaitNotRunning); got != 137 {
		t.Errorf("exit code %d", got)
	}
	if c, _ := e.Get(id); !c.Run.OOMKilled {
		t.Error("nobody says so")
	}
}

func TestAContainerInTheHostsPidNamespaceTakesItsOthersWithIt(t *testing.T) {
	e := newEngine(t)
	id := e.create("sleep 1000 & echo started", func(r *config.CreateRequest) { r.HostConfig.PidMode = "host" })
	e.start(id)
	if got := e.wait(id, WaitNotRunning); got != 0 {
		t.Errorf("exit code %d", got)
	}
}

func TestAnExecThatCannotRunHasDockersExitCode(t *testing.T) {
	e := newEngine(t)
	id := e.create("exec sleep 1000")
	e.start(id)
	for _, c := range []struct {
		cfg  record.ExecConfig
		code int
	}{
		{record.ExecConfig{Cmd: []string{"nothing-like-it"}}, 127},
		{record.ExecConfig{Cmd: []string{"/plain"}}, 126},
		{record.ExecConfig{Cmd: []string{"true"}, User: "nobody-known"}, 126},
	} {
		x, err := e.Execs().ExecCreate(context.Background(), id, c.cfg)
		e.must(err)
		if err := e.Execs().ExecStart(context.Background(), x, execs.StartOptions{Detach: true}); err == nil {
			t.Errorf("%v started", c.cfg)
		}
		in, err := e.Execs().ExecInspect(x)
		if err != nil || in.Running || in.ExitCode == nil || *in.ExitCode != c.code {
			t.Errorf("%v: %+v, %v", c.cfg, in, err)
		}
		if err := e.Execs().ExecStart(context.Background(), x, execs.StartOptions{Detach: true}); !fault.Is(err, fault.Conflict) {
			t.Errorf("%v again: %v", c.cfg, err)
		}
	}
	if c, _ := e.Get(id); len(c.Execs) > 0 {
		t.Errorf("execs that are over are listed: %v", c.Execs)
	}
}

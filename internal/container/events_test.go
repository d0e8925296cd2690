package container

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"berth/internal/container/config"
	"berth/internal/container/notice"
	"berth/internal/event"
)

// told is what was told of a container, in order: "die 3, network disconnect".
func (e *engine) told(id string) string {
	e.t.Helper()
	var words []string
	err := e.events.Find(time.Time{}, func(m event.Message) bool {
		word := m.Action
		if m.Type != event.Container {
			word = string(m.Type) + " " + word
		}
		for _, more := range []string{"signal", "exitCode", "oldName"} {
			if m.Attributes[more] != "" {
				word += " " + m.Attributes[more]
			}
		}
		words = append(words, word)
		return true
	}, id)
	e.must(err)
	return strings.Join(words, ", ")
}

func (e *engine) wasTold(id, want string) {
	e.t.Helper()
	if got := e.told(id); got != want {
		e.t.Errorf("it was told:\n%s\nand not\n%s", got, want)
	}
}

func unless(ok bool) error {
	if ok {
		return nil
	}
	return errors.New("not yet")
}

// The lists are those of Debian's docker.io for the same commands.
func TestEveryVerbIsToldOfInDockersOrder(t *testing.T) {
	e, ctx := newEngine(t), context.Background()
	patient := "trap 'exit 0' TERM; echo ready; while :; do sleep 0.01; done"
	id := e.create(patient, onBridge, withVolume)
	e.start(id)
	e.logged(id, "ready")
	e.must(e.Stop(ctx, id, StopOptions{}))
	e.must(e.Start(ctx, id))
	e.must(e.Changes().Pause(ctx, id))
	e.must(e.Changes().Unpause(ctx, id))
	before, err := e.Get(id)
	e.must(err)
	e.must(e.Changes().Rename(ctx, id, "other"))
	e.must(e.Kill(ctx, id, ""))
	e.must(e.Start(ctx, id))
	e.must(e.Remove(ctx, id, RemoveOptions{Force: true}))
	e.must(os.RemoveAll(filepath.Join(e.dir, "volumes/shared")))
	e.wasTold(id, "create, "+
		"network connect, volume mount, start, "+
		"kill 15, die 0, network disconnect, volume unmount, stop, "+
		"network connect, volume mount, start, "+
		"pause, unpause, rename /"+before.Name+", "+
		"kill 9, die 137, network disconnect, volume unmount, "+
		"network connect, volume mount, start, "+
		"kill 9, die 137, network disconnect, volume unmount, destroy")
}

func TestARestartAndARemovalByItselfAreToldOfInDockersOrder(t *testing.T) {
	e, ctx := newEngine(t), context.Background()
	id := e.create("trap 'exit 0' TERM; echo ready; while :; do sleep 0.01; done", func(r *config.CreateRequest) { r.HostConfig.AutoRemove = true })
	e.start(id)
	e.logged(id, "ready")
	e.must(e.Changes().Restart(ctx, id, StopOptions{}))
	e.must(e.Stop(ctx, id, StopOptions{Signal: "KILL"}))
	e.eventually("it is removed", func() error { _, err := e.Get(id); return unless(err != nil) })
	e.eventually("that is told", func() error { return unless(strings.HasSuffix(e.told(id), "destroy")) })
	e.wasTold(id, "create, network connect, start, kill 15, die 0, network disconnect, stop, network connect, start, restart, "+
		"kill 9, die 137, network disconnect, stop, destroy")
}

func TestAStartThatFailsIsToldOfWithoutAnEnd(t *testing.T) {
	e := newEngine(t)
	id := e.create("", func(r *config.CreateRequest) { r.Config.Cmd = []string{"/nothing"} }, onBridge)
	if err := e.Start(context.Background(), id); err == nil {
		t.Fatal("it has started")
	}
	e.wasTold(id, "create, network connect, network disconnect")
}

func TestAnExecIsToldOfWithItsCommandAndItsEnd(t *testing.T) {
	e := newEngine(t)
	id := e.create("while :; do sleep 0.01; done")
	e.start(id)
	if code, _, err := e.exec(id, "sh", "-c", "exit 4"); code != 4 || err != nil {
		t.Fatal(code, err)
	}
	e.eventually("its end is told", func() error { return unless(strings.HasSuffix(e.told(id), "exec_die 4")) })
	e.wasTold(id, "create, network connect, start, exec_create: sh -c exit 4, exec_start: sh -c exit 4, exec_die 4")
}

func endsAway(e *engine, id string) {
	e.crash()
	e.touch("end")
	e.eventually("it has ended", func() error { _, err := os.Stat(e.dir + "/exec/exits/" + id); return err })
}

func TestAnEndWithoutADaemonIsToldOnceWhateverTheDaemonHadDone(t *testing.T) {
	for name, c := range map[string]struct {
		auto bool
		away func(e *engine, id string) // what happens while, or just before, there is no daemon
		want string
	}{
		"it ends while nobody is there": {away: endsAway, want: "die 5, network disconnect, volume unmount"},
		"and goes away by itself":       {auto: true, away: endsAway, want: "die 5, network disconnect, volume unmount, destroy"},
		"killed between the record and the event": {away: func(e *engine, id string) {
			e.Service.tells = notice.NewTeller(func(event.Message) {}, e.warn)
			e.touch("end")
			e.wait(id, WaitNotRunning)
			e.crash()
		}, want: "die 5, network disconnect, volume unmount"},
		"killed between the event and what follows": {auto: true, away: func(e *engine, id string) {
			c, err := e.Get(id)
			e.must(err)
			endsAway(e, id)
			c.Run.ExitCode = 5
			for _, m := range append(notice.Ended(&c, false), notice.Left(&c, c.Endpoints)...) {
				e.events.Publish(m)
			}
		}, want: "die 5, network disconnect, volume unmount, destroy"},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEngine(t)
			id := e.create("while [ ! -e /v/end ]; do sleep 0.01; done; exit 5", withVolume, onBridge, func(r *config.CreateRequest) { r.HostConfig.AutoRemove = c.auto })
			e.start(id)
			c.away(e, id)
			e.boot()
			e.eventually("its end is known", func() error {
				now, err := e.Get(id)
				return unless(err != nil || now.State == Exited)
			})
			e.eventually("its removal is told", func() error { return unless(strings.HasSuffix(e.told(id), "destroy") == c.auto) })
			e.wasTold(id, "create, network connect, volume mount, start, "+c.want)
			if !c.auto {
				e.crash()
				e.boot()
				e.wasTold(id, "create, network connect, volume mount, start, "+c.want)
			}
			e.must(os.RemoveAll(filepath.Join(e.dir, "volumes/shared")))
		})
	}
}

func TestAContainerThatRunsOutOfMemoryAndLivesOnIsToldOfAtOnce(t *testing.T) {
	e := newEngine(t)
	if !e.cgroups.Has("memory") {
		t.Skip("this host has no memory controller")
	}
	id := e.create("while :; do tail /dev/zero; sleep 0.01; done", func(r *config.CreateRequest) { r.HostConfig.Resources.Memory = 16 << 20 })
	e.start(id)
	e.eventually("it is told", func() error { return unless(strings.Contains(e.told(id), "oom")) })
	if c, err := e.Get(id); err != nil || c.State != Running {
		t.Fatal(c.State, err)
	}
	e.crash()
	e.boot()
	before := strings.Count(e.told(id), "oom")
	e.eventually("the next daemon tells of more", func() error { return unless(strings.Count(e.told(id), "oom") > before) })
	e.must(e.Kill(context.Background(), id, ""))
	if got := e.told(id); !strings.HasSuffix(got, "die 137, network disconnect") || !strings.Contains(got, "kill 9") {
		t.Error(got)
	}
}

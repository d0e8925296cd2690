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
	"berth/internal/fault"
)

func TestARestartStopsAndStarts(t *testing.T) {
	e := newEngine(t)
	ctx := context.Background()
	id := e.create("trap 'echo asked; exit 3' TERM USR1; sleep 1000 & echo up; wait")
	e.must(e.Changes().Restart(ctx, id, StopOptions{})) // which did not run
	e.logged(id, "up")
	before, _ := e.Get(id)
	ended, err := e.Wait(ctx, id, WaitNextExit)
	e.must(err)
	e.must(e.Changes().Restart(ctx, id, StopOptions{Signal: "USR1"}))
	if got := e.result(ended); got.Code != 3 {
		t.Errorf("its run ends with %d", got.Code)
	}
	if c, _ := e.Get(id); c.State != Running || c.Run.Pid == before.Run.Pid || c.Wanted != WantedUp {
		t.Errorf("it is %+v", c)
	}
	e.logged(id, "asked\nup")
	e.must(e.Changes().Pause(ctx, id))
	e.must(e.Changes().Restart(ctx, id, StopOptions{Signal: "WINCH", Timeout: new(int)})) // which it ignores
	if c, _ := e.Get(id); c.State != Running {
		t.Errorf("it is %s", c.State)
	}
	e.must(e.Kill(ctx, id, ""))
	e.must(e.Changes().Restart(ctx, id, StopOptions{}))
	if err := e.Changes().Restart(ctx, id, StopOptions{Signal: "NONE"}); !fault.Is(err, fault.Internal) || err.Error() != "Cannot restart container "+id+": invalid signal: NONE" {
		t.Error(err)
	}
	e.must(e.Kill(ctx, id, ""))
	if err := e.Changes().Restart(ctx, "none", StopOptions{}); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
	bad := e.create("", func(r *config.CreateRequest) { r.Config.Cmd = []string{"nothing-like-it"}; r.Name = "bad" })
	if err := e.Changes().Restart(ctx, "bad", StopOptions{}); !fault.Is(err, fault.Internal) || !strings.HasPrefix(err.Error(), "Cannot restart container bad: ") {
		t.Error(err)
	}
	if c, _ := e.Get(bad); c.State != Created || c.Run.ExitCode != 127 {
		t.Errorf("it is %+v", c)
	}
}

func TestAContainerThatGoesByItselfSurvivesARestart(t *testing.T) {
	e := newEngine(t)
	ctx := context.Background()
	id := e.create("exec sleep 1000", func(r *config.CreateRequest) { r.HostConfig.AutoRemove = true })
	e.start(id)
	removed, err := e.Wait(ctx, id, WaitRemoved)
	e.must(err)
	for range 3 {
		e.must(e.Changes().Restart(ctx, id, StopOptions{Timeout: new(int)}))
	}
	if c, err := e.Get(id); err != nil || c.State != Running {
		t.Errorf("%s, %v", c.State, err)
	}
	e.crash()
	e.boot()
	if c, err := e.Get(id); err != nil || c.State != Running {
		t.Errorf("the next daemon says %s, %v", c.State, err)
	}
	e.must(e.Kill(ctx, id, ""))
	e.eventually("it is gone", func() error {
		if _, err := e.Get(id); !fault.Is(err, fault.NotFound) {
			return errors.New("it is there")
		}
		return nil
	})
	_ = removed // the crash took whoever waited
}

func TestARenameIsSeenKeptAndFreesTheOldName(t *testing.T) {
	e := newEngine(t)
	ctx := context.Background()
	named := func(name string) string {
		return e.create("exec sleep 1000", func(r *config.CreateRequest) { r.Name = name })
	}
	one, two := named("one"), named("two")
	e.start(one)
	e.must(e.Changes().Rename(ctx, "one", "/uno"))
	if c, err := e.Get("uno"); err != nil || c.ID != one || c.Name != "uno" || c.State != Running {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := e.Get("one"); !fault.Is(err, fault.NotFound) {
		t.Errorf("its old name: %v", err)
	}
	again := named("one")
	for _, c := range []struct {
		ref, name string
		kind      fault.Kind
		want      string
	}{
		{"none", "x1", fault.NotFound, "No such container: none"},
		{"uno", "", fault.Invalid, "Neither old nor new names may be empty"},
		{"uno", "/", fault.Invalid, "Neither old nor new names may be empty"},
		{"uno", "uno", fault.Invalid, "Renaming a container with the same name as its current name"},
		{"uno", "/uno", fault.Invalid, "Renaming a container with the same name as its current name"},
		{"uno", "a", fault.Invalid, "Error when allocating new name: Invalid container name (/a), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"},
		{"uno", "a b", fault.Invalid, "Error when allocating new name: Invalid container name (/a b), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"},
		{"uno", "two", fault.Conflict, `Error when allocating new name: Conflict. The container name "/two" is already in use by container "` + two + `". You have to remove (or rename) that container to be able to reuse that name.`},
	} {
		if err := e.Changes().Rename(ctx, c.ref, c.name); !fault.Is(err, c.kind) || err.Error() != c.want {
			t.Errorf("%s to %q: %v", c.ref, c.name, err)
		}
	}
	e.crash()
	e.boot()
	for name, id := range map[string]string{"uno": one, "one": again, "two": two} {
		if c, err := e.Get(name); err != nil || c.ID != id || c.Name != name {
			t.Errorf("the next daemon finds %q as %+v, %v", name, c, err)
		}
	}
	e.must(e.Kill(ctx, "uno", ""))
}

func TestANameThatCannotBeRecordedIsNotTaken(t *testing.T) {
	e := newEngine(t)
	id := e.create("true", func(r *config.CreateRequest) { r.Name = "one" })
	e.must(e.store.Close()) // as a full disk
	if err := e.Changes().Rename(context.Background(), id, "two"); !fault.Is(err, fault.Internal) {
		t.Error(err)
	}
	if c, err := e.Get("one"); err != nil || c.Name != "one" {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := e.Get("two"); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
	e.keeper.Close()
	e.boot()
}

func TestAPruneTakesWhatDoesNotRunAndKeepsItsVolumes(t *testing.T) {
	e := newEngine(t)
	ctx := context.Background()
	volume := func(r *config.CreateRequest) { r.Config.Volumes = []string{"/data"} }
	label := func(r *config.CreateRequest) { r.Config.Labels = map[string]string{"keep": ""} }
	up, still, fresh, done, kept := e.create("exec sleep 1000"), e.create("exec sleep 1000"), e.create("true", volume), e.create("true"), e.create("true", label)
	e.start(up)
	e.start(still)
	e.must(e.Changes().Pause(ctx, still))
	e.start(done)
	e.wait(done, WaitNotRunning)
	sizes := func(id string) (int64, error) { return int64(len(id)), nil }
	opts := PruneOptions{Until: time.Now().Add(-time.Hour), Size: sizes}
	if got, err := e.Changes().Prune(ctx, opts); err != nil || got.IDs != nil || got.Reclaimed != 0 {
		t.Errorf("none is so old: %+v, %v", got, err)
	}
	opts = PruneOptions{Size: sizes, Matches: func(l map[string]string) bool { _, ok := l["keep"]; return !ok }}
	e.pruning.Lock()
	if _, err := e.Changes().Prune(ctx, opts); !fault.Is(err, fault.Conflict) || err.Error() != "a prune operation is already running" {
		t.Error(err)
	}
	e.pruning.Unlock()
	got, err := e.Changes().Prune(ctx, opts)
	if err != nil || strings.Join(got.IDs, " ") != done+" "+fresh || got.Reclaimed != 128 {
		t.Errorf("%+v, %v", got, err)
	}
	for _, id := range []string{up, still, kept} {
		if _, err := e.Get(id); err != nil {
			t.Error(err)
		}
	}
	volumes, err := os.ReadDir(filepath.Join(e.dir, "volumes"))
	e.must(err)
	if len(volumes) != 1 {
		t.Errorf("volumes %v are there", volumes)
	}
	failing := PruneOptions{Size: func(string) (int64, error) { return 0, errors.New("no size") }}
	if _, err := e.Changes().Prune(ctx, failing); err == nil {
		t.Error("a size that cannot be found is passed over")
	}
	e.must(os.RemoveAll(filepath.Join(e.dir, "volumes", volumes[0].Name())))
}

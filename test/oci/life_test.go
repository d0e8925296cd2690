//go:build linux

package oci

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/test/harness"
)

// waitFor asks again until it is true.
func (b *bundle) waitFor(what string, done func() bool) {
	b.t.Helper()
	for end := time.Now().Add(harness.Patience); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			b.t.Fatal("never " + what)
		}
	}
}

func TestRunGivesTheExitCodeAndDeletes(t *testing.T) {
	b := newBundle(t, "id; echo $HOME; exit 3").save()
	if out, code := b.do("run", "--bundle", b.dir, "a"); code != 3 || out != "uid=0 gid=0\n/\n" {
		t.Errorf("%d %q", code, out)
	}
}

func TestAContainerIsCreatedStartedKilledAndDeleted(t *testing.T) {
	b := newBundle(t, "echo began > /data/began; exec sleep 1000").save()
	pidFile := filepath.Join(t.TempDir(), "pid")
	b.ok("create", "--bundle", b.dir, "--pid-file", pidFile, "a")
	s := b.state("a")
	pid, err := os.ReadFile(pidFile)
	if err != nil || s.Status != specs.StateCreated || strconv.Itoa(s.Pid) != string(pid) || s.Bundle != b.dir {
		t.Errorf("%+v, pid file %q %v", s, pid, err)
	}
	if _, err := os.Stat(b.path("rootfs/data/began")); err == nil {
		t.Error("the program ran before start")
	}
	b.refused("container with given ID already exists", "create", "--bundle", b.dir, "a")
	b.ok("start", "a")
	b.waitFor("began", func() bool { _, err := os.Stat(b.path("rootfs/data/began")); return err == nil })
	if s := b.state("a"); s.Status != specs.StateRunning {
		t.Errorf("%+v", s)
	}
	b.refused("cannot start an already running container", "start", "a")
	b.refused("cannot delete container a that is not stopped: running", "delete", "a")
	b.ok("kill", "a", "KILL")
	b.waitFor("stopped", func() bool { return b.state("a").Status == specs.StateStopped })
	b.refused("container not running", "kill", "a", "KILL")
	b.refused("cannot start a container that has stopped", "start", "a")
	b.ok("delete", "a")
	b.refused("container does not exist", "delete", "a")
	b.ok("delete", "--force", "a")
}

func TestAContainerThatIsOnlyCreatedCanBeDeleted(t *testing.T) {
	b := newBundle(t, "exit 0").save()
	b.ok("create", "--bundle", b.dir, "a")
	b.ok("delete", "a")
}

func TestDeleteByForceEndsEverything(t *testing.T) {
	b := newBundle(t, "sleep 1000 & exec sleep 1000").save()
	b.ok("run", "--detach", "--bundle", b.dir, "a")
	b.ok("pause", "a")
	b.ok("delete", "--force", "a")
}

func TestAProgramThatIsNotThereFailsTheCreation(t *testing.T) {
	b := newBundle(t, "")
	for text, args := range map[string][]string{
		`executable file not found in $PATH`: {"nosuch"},
		`no such file or directory`:          {"/bin/nosuch"},
		`is a directory`:                     {"/bin"},
		`permission denied`:                  {"/etc/plain"},
	} {
		b.must(os.WriteFile(b.path("rootfs/etc/plain"), nil, 0o644))
		b.spec.Process.Args = args
		b.save()
		b.refused(text, "create", "--bundle", b.dir, "a")
		b.refused(text, "run", "--bundle", b.dir, "a")
	}
}

func TestWhatFailsIsInTheLogAsJSON(t *testing.T) {
	b := newBundle(t, "").save()
	log := filepath.Join(t.TempDir(), "log")
	b.spec.Process.Args = []string{"nosuch"}
	b.save()
	b.refused("nosuch", "--log", log, "--log-format", "json", "create", "--bundle", b.dir, "a")
	data, err := os.ReadFile(log)
	b.must(err)
	var entry struct{ Level, Msg string }
	if err := json.Unmarshal(data, &entry); err != nil || entry.Level != "error" || !strings.Contains(entry.Msg, "executable file not found in $PATH") {
		t.Errorf("%s %v", data, err)
	}
}

func TestPauseStopsAndResumeGoesOn(t *testing.T) {
	b := newBundle(t, "exec sleep 1000").save()
	b.ok("run", "-d", "-b", b.dir, "a")
	b.ok("pause", "a")
	if s := b.state("a"); s.Status != "paused" {
		t.Errorf("%+v", s)
	}
	b.refused("cannot exec in a paused container", "exec", "a", "id")
	b.refused("container not running or created: paused", "pause", "a")
	b.ok("resume", "a")
	b.refused("container not paused", "resume", "a")
	if s := b.state("a"); s.Status != specs.StateRunning {
		t.Errorf("%+v", s)
	}
	b.ok("delete", "-f", "a")
}

func TestAKilledContainerDiesWhilePaused(t *testing.T) {
	b := newBundle(t, "exec sleep 1000").save()
	b.ok("run", "-d", "-b", b.dir, "a")
	b.ok("pause", "a")
	b.ok("kill", "a", "KILL")
	b.waitFor("stopped", func() bool { return b.state("a").Status == specs.StateStopped })
	b.ok("delete", "a")
}

func TestProcessesAreListed(t *testing.T) {
	b := newBundle(t, "sleep 1000 & exec sleep 1000").save()
	b.ok("run", "-d", "-b", b.dir, "a")
	b.waitFor("two", func() bool {
		var pids []int
		b.must(json.Unmarshal([]byte(b.ok("ps", "--format", "json", "a")), &pids))
		return len(pids) == 2
	})
	if out := b.ok("list"); !strings.Contains(out, "running") || !strings.HasPrefix(out, "ID          PID         STATUS ") {
		t.Error(out)
	}
	b.ok("delete", "-f", "a")
}

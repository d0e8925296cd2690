//go:build linux

package oci

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

func TestALogLineIsWhatEnginesParse(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if got := line(true, "error", `a "b"`, at); got != `{"level":"error","msg":"a \"b\"","time":"2026-01-02T03:04:05Z"}`+"\n" {
		t.Error(got)
	}
	if got := line(false, "error", `a "b"`, at); got != `time="2026-01-02T03:04:05Z" level=error msg="a \"b\""`+"\n" {
		t.Error(got)
	}
}

func TestAnErrorGoesToTheLogInJSON(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "log")
	if code := Main([]string{"--root", dir + "/root", "--log", file, "--log-format", "json", "state", "nope"}); code != 1 {
		t.Error(code)
	}
	text, err := os.ReadFile(file)
	if err != nil || !strings.HasPrefix(string(text), `{"level":"error","msg":"container does not exist","time":"`) {
		t.Errorf("%s %v", text, err)
	}
}

func TestDeletingByForceWhatIsNotThereSucceeds(t *testing.T) {
	root := t.TempDir()
	if code := Main([]string{"--root", root, "delete", "--force", "nope"}); code != 0 {
		t.Error(code)
	}
	if code := Main([]string{"--root", root, "--log", root + "/log", "delete", "nope"}); code != 1 {
		t.Error(code)
	}
}

func TestSignalsAreReadByNumberAndName(t *testing.T) {
	for text, want := range map[string]unix.Signal{"": unix.SIGTERM, "9": unix.SIGKILL, "KILL": unix.SIGKILL, "SIGHUP": unix.SIGHUP, "usr1": unix.SIGUSR1, "0": 0} {
		if got, err := signalOf(text); err != nil || got != want {
			t.Errorf("%q: %v %v", text, got, err)
		}
	}
	for _, text := range []string{"65", "-1", "NOSUCH"} {
		if _, err := signalOf(text); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestSizesHaveUnits(t *testing.T) {
	for text, want := range map[string]int64{"-1": -1, "4096": 4096, "64M": 64 << 20, "1g": 1 << 30, "2KiB": 2 << 10, "3kb": 3 << 10} {
		var got *int64
		if err := number(text, &got); err != nil || *got != want {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{"", "M", "x", "9999999999999G"} {
		var got *int64
		if err := number(text, &got); err == nil {
			t.Errorf("%q is %d", text, *got)
		}
	}
}

func TestOnlyTheContainersProcessesAreShown(t *testing.T) {
	got, err := only("UID PID CMD\nroot 1 init\nroot 12 sh\nroot 120 x\n", []int{12})
	if err != nil || got != "UID PID CMD\nroot 12 sh\n" {
		t.Errorf("%q %v", got, err)
	}
	if _, err := only("UID CMD\n", nil); err == nil {
		t.Error("without the column nobody can be found")
	}
}

func TestExecChangesACopyOfTheContainersProcess(t *testing.T) {
	own := &specs.Process{Args: []string{"init"}, Env: []string{"A=1"}, Cwd: "/", User: specs.User{UID: 1, GID: 2},
		Capabilities: &specs.LinuxCapabilities{Bounding: []string{"CAP_KILL"}}}
	ch := change{args: []string{"sh"}, env: many{"B=2"}, caps: many{"CAP_CHOWN"}, user: "7:8", cwd: "/tmp", tty: true, groups: many{"9"}}
	p, err := ch.process(own)
	if err != nil {
		t.Fatal(err)
	}
	if p.Args[0] != "sh" || len(p.Env) != 2 || p.Cwd != "/tmp" || p.User.UID != 7 || p.User.GID != 8 || p.User.AdditionalGids[0] != 9 || !p.Terminal {
		t.Errorf("%+v", p)
	}
	if len(p.Capabilities.Bounding) != 2 || len(p.Capabilities.Ambient) != 1 || len(own.Capabilities.Bounding) != 1 || len(own.Env) != 1 {
		t.Errorf("%+v %+v", p.Capabilities, own)
	}
	for _, user := range []string{"x", "1:x", "-1"} {
		if _, err := (&change{args: []string{"sh"}, user: user}).process(own); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", user, err)
		}
	}
}

func TestTheTemplateIsNotWrittenOverAConfig(t *testing.T) {
	dir := t.TempDir()
	c := &command{}
	if _, err := c.spec([]string{"--bundle", dir}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.spec([]string{"--bundle", dir}); !fault.Is(err, fault.Conflict) || err.Error() != "File config.json exists. Remove it first" {
		t.Error(err)
	}
	if _, err := c.steps([]string{"--bundle", dir}); err != nil {
		t.Error("the template does not compile:", err)
	}
}

func TestWhatIsNotSupportedSaysSo(t *testing.T) {
	c := &command{}
	for name, verb := range map[string]func([]string) (int, error){"checkpoint": c.checkpoint, "restore": c.restore} {
		if _, err := verb([]string{"--lazy-pages", "a"}); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "--lazy-pages is not supported") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := c.update([]string{"--l3-cache-schema", "x", "a"}); err == nil || errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

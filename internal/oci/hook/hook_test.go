//go:build linux

package hook

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func shell(script string) specs.Hook {
	return specs.Hook{Path: "/bin/sh", Args: []string{"sh", "-c", script}}
}

func TestAHookReadsTheStateAndHasItsOwnEnvironmentOnly(t *testing.T) {
	t.Setenv("SECRET", "1")
	out := filepath.Join(t.TempDir(), "out")
	h := shell("/bin/cat > " + out + "; echo ${SECRET-none} $OWN >> " + out)
	h.Env = []string{"OWN=2"}
	if err := Run("prestart", []specs.Hook{h}, specs.State{ID: "a", Status: specs.StateCreating, Pid: 5, Bundle: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(out)
	if err != nil || !strings.Contains(string(got), `"id":"a","status":"creating","pid":5`) || !strings.HasSuffix(string(got), "none 2\n") {
		t.Errorf("%s %v", got, err)
	}
}

func TestTheFirstHookThatFailsEndsTheRow(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "mark")
	err := Run("poststart", []specs.Hook{shell("exit 0"), shell("echo oops; exit 3"), shell(": > " + mark)}, specs.State{})
	if err == nil || err.Error() != "error running poststart hook #1: exit status 3, stdout/stderr: oops" {
		t.Error(err)
	}
	if _, err := os.Stat(mark); err == nil {
		t.Error("the hook after it ran")
	}
}

func TestAHookIsEndedAtItsTimeout(t *testing.T) {
	second := 1
	h := shell("exec /bin/sleep 1000")
	h.Timeout = &second
	if err := Run("prestart", []specs.Hook{h}, specs.State{}); err == nil || !strings.Contains(err.Error(), "hook ran past its timeout") {
		t.Error(err)
	}
}

func TestAHookThatLeavesAProcessBehindIsDone(t *testing.T) {
	if err := Run("poststop", []specs.Hook{shell("/bin/sleep 3 & exit 0")}, specs.State{}); err != nil {
		t.Error(err)
	}
}

func TestAHookThatIsNotThereFails(t *testing.T) {
	if err := Run("prestart", []specs.Hook{{Path: "/nonexistent"}}, specs.State{}); err == nil {
		t.Error("it did not")
	}
}

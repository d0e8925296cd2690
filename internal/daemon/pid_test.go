package daemon

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"berth/internal/fault"
)

func TestThePidFileOfADaemonThatRunsIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	program, path := filepath.Join(dir, "berthd"), filepath.Join(dir, "pid")
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Skip(err)
	}
	content, err := os.ReadFile(sleep)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, content, 0o755); err != nil {
		t.Fatal(err)
	}
	other := exec.Command(program, "1000")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer other.Wait()
	defer other.Process.Kill()
	theirs := strconv.Itoa(other.Process.Pid)
	if err := os.WriteFile(path, []byte(theirs), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := writePid(path); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "process with PID "+theirs+" is still running") {
		t.Errorf("with the other running: %v", err)
	}
	if b, _ := os.ReadFile(path); string(b) != theirs {
		t.Errorf("the file says %q", b)
	}
	other.Process.Kill() // a zombie until we wait for it
	for end := time.Now().Add(30 * time.Second); isDaemon(other.Process.Pid) && time.Now().Before(end); time.Sleep(time.Millisecond) {
	}
	if err := writePid(path); err != nil {
		t.Errorf("with the other dead: %v", err)
	}
	if b, _ := os.ReadFile(path); string(b) != strconv.Itoa(os.Getpid()) {
		t.Errorf("the file says %q", b)
	}
}

func TestWhatIsNoPidOfADaemonIsReplaced(t *testing.T) {
	for _, content := range []string{"", "nonsense", strconv.Itoa(os.Getppid()), "999999999"} {
		path := filepath.Join(t.TempDir(), "pid")
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := writePid(path); err != nil {
			t.Errorf("%q: %v", content, err)
		}
	}
}

//go:build linux && (amd64 || arm64)

package pid1

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// program writes the executable down and returns its path.
func program(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "docker-init")
	if err := os.WriteFile(path, Program(), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// first is a command in which the program is the first process of a pid namespace.
func first(t *testing.T, argv ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("a pid namespace needs root")
	}
	var out bytes.Buffer
	cmd := exec.Command(program(t), argv...)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	return cmd, &out
}

func exitCode(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit == nil {
		return 0
	}
	return exit.ExitCode()
}

func TestItIsAnExecutableOfOnePageAndItsTexts(t *testing.T) {
	from, to := codeSpan()
	if size := int64(to) - int64(from); size <= 0 || size > textSize-176 {
		t.Fatalf("the code has %d bytes", size)
	}
	f, err := elf.NewFile(bytes.NewReader(Program()))
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Progs) != 2 || f.Progs[0].Flags != elf.PF_R|elf.PF_X || f.Progs[1].Type != elf.PT_GNU_STACK || f.Progs[1].Flags != elf.PF_R|elf.PF_W {
		t.Errorf("%+v", f.Progs)
	}
	for _, text := range sentences() {
		if len(text) >= textSlot {
			t.Errorf("%q has no room", text)
		}
	}
}

func TestItEndsAsItsChildDoes(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"plain": "no program", "script": "no #!"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "script"), 0o755); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 5000)
	for _, c := range []struct {
		path string
		argv []string
		code int
		says string
	}{
		{"/bin", []string{"--", "sh", "-c", "echo $0 $1", "a", "b c"}, 0, "a b c\n"},
		{"/bin", []string{"--", "sh", "-c", "exit 7"}, 7, ""},
		{"/bin", []string{"--", "/bin/sh", "-c", "kill -9 $$"}, 137, ""},
		{"/bin", []string{"--", "sh", "-c", "kill -TERM $$"}, 143, ""},
		{"/nowhere:" + dir + ":/bin", []string{"--", "sh", "-c", "exit 3"}, 3, ""},
		{"/nowhere:" + long + ":/bin", []string{"--", "sh", "-c", "exit 3"}, 3, ""},
		{"/nowhere:/etc/passwd:" + dir, []string{"--", "missing"}, 127, "[FATAL docker-init] exec missing failed: No such file or directory\n"},
		{"/bin", []string{"--", long}, 127, "[FATAL docker-init] exec " + long + " failed: No such file or directory\n"},
		{"/bin", []string{"--", ""}, 127, "[FATAL docker-init] exec  failed: No such file or directory\n"},
		{dir + ":/bin", []string{"--", "plain"}, 126, "[FATAL docker-init] exec plain failed: Permission denied\n"},
		{"/bin", []string{"--", "/etc"}, 126, "[FATAL docker-init] exec /etc failed: Permission denied\n"},
		{dir, []string{"--", "script"}, 1, "[FATAL docker-init] exec script failed\n"},
		{"/bin", []string{"sh", "-c", "true"}, 1, "[FATAL docker-init] usage: docker-init -- PROGRAM [ARG...]\n"},
		{"/bin", nil, 1, "[FATAL docker-init] usage: docker-init -- PROGRAM [ARG...]\n"},
	} {
		cmd, out := first(t, c.argv...)
		cmd.Env = []string{"P=1", "PATHS=/wrong", "PATH=" + c.path}
		if code := exitCode(t, cmd.Run()); code != c.code || out.String() != c.says {
			t.Errorf("%.40q with PATH=%.40s: %d %q", c.argv, c.path, code, out)
		}
	}
	cmd, out := first(t, "--", "sh", "-c", "echo found")
	cmd.Env = []string{"A=b"}
	if code := exitCode(t, cmd.Run()); code != 0 || out.String() != "found\n" {
		t.Errorf("without PATH: %d %q", code, out)
	}
}

// children are a process's children, dead ones that nobody has reaped too.
func children(t *testing.T, pid int) []string {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(b))
}

// ready starts a command and waits until it says so.
func ready(t *testing.T, cmd *exec.Cmd) (out io.Reader) {
	t.Helper()
	cmd.Stdout = nil
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if got := line(t, pipe); got != "ready\n" {
		t.Fatal(got)
	}
	return pipe
}

func line(t *testing.T, out io.Reader) string {
	t.Helper()
	b := make([]byte, 64)
	n, err := out.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

func TestItReapsWhatItsChildrenLeaveBehind(t *testing.T) {
	cmd, _ := first(t, "--", "sh", "-c", `i=0; while [ $i -lt 50 ]; do (sh -c : &); i=$((i+1)); done; echo ready; exec sleep 1000`)
	ready(t, cmd)
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		left := children(t, cmd.Process.Pid)
		if len(left) == 1 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("its children are %v", left)
		}
	}
}

// told are the signals that the child of TestItPassesEverySignalOn tells of.
func told() map[string]syscall.Signal {
	return map[string]syscall.Signal{"HUP": 1, "INT": 2, "QUIT": 3, "USR1": 10, "USR2": 12, "TERM": 15, "WINCH": 28, "CONT": 18, "TSTP": 20}
}

// tellSignals prints the name of each signal that comes, until one ends it. A
// shell is not good enough for that: it loses one now and then.
func tellSignals() {
	names := map[os.Signal]string{}
	come := make(chan os.Signal, 64)
	for name, sig := range told() {
		names[sig] = name
		signal.Notify(come, sig)
	}
	signal.Notify(come, syscall.SIGALRM)
	fmt.Println("ready")
	for sig := range come {
		if sig == syscall.SIGALRM {
			os.Exit(9)
		}
		fmt.Println(names[sig])
	}
}

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "tell signals" {
		tellSignals()
	}
	os.Exit(m.Run())
}

func TestItPassesEverySignalOn(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd, _ := first(t, "--", self, "tell signals")
	out := ready(t, cmd)
	for name, sig := range told() {
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		if got := line(t, out); got != name+"\n" {
			t.Errorf("%s: %q", name, got)
		}
	}
	if err := cmd.Process.Signal(syscall.SIGALRM); err != nil {
		t.Fatal(err)
	}
	if code := exitCode(t, cmd.Wait()); code != 9 {
		t.Errorf("exit code %d", code)
	}
}

func TestItsChildLeadsAGroupAndHasTheSignalsOfItsParent(t *testing.T) {
	cmd, _ := first(t, "--", "sh", "-c", "echo ready; exec sleep 1000")
	ready(t, cmd)
	child, err := strconv.Atoi(children(t, cmd.Process.Pid)[0])
	if err != nil {
		t.Fatal(err)
	}
	if group, err := syscall.Getpgid(child); err != nil || group != child {
		t.Errorf("process %d is in group %d, %v", child, group, err)
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", child))
	if err != nil || !strings.Contains(string(b), "SigBlk:\t0000000000000000\n") {
		t.Errorf("%s, %v", b, err)
	}
}

func TestItCostsAStack(t *testing.T) {
	cmd, _ := first(t, "--", "sh", "-c", "echo ready; exec sleep 1000")
	ready(t, cmd)
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	var kib int
	for text := range strings.Lines(string(b)) {
		_, _ = fmt.Sscanf(text, "RssAnon: %d kB", &kib) // other lines do not match
	}
	if kib > 64 {
		t.Errorf("it has %d KiB of its own", kib)
	}
}

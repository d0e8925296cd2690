package launch_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"berth/internal/launch"
	"berth/internal/program"
)

func birth() program.Step { return step("be born", program.Birth) }

func TestTheChildOfABirthIsTheOneThatWasStarted(t *testing.T) {
	forEach(t, func(t *testing.T, x launch.Executor) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		child, err := start(t, x, says(birth(), sh("echo $$ $PPID; exit 5")), int(w.Fd()))
		w.Close()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("%d %d\n", child.Pid, os.Getpid()); string(text) != want {
			t.Errorf("it says %q, and should %q", text, want)
		}
		if got := reap(t, child).ExitStatus(); got != 5 {
			t.Errorf("exit status %d", got)
		}
		if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); err != syscall.ECHILD {
			t.Errorf("there is another child: %d, %v", pid, err)
		}
	})
}

func TestABirthInAPidNamespaceIsSeenThereAndItsParentIsNot(t *testing.T) {
	forEach(t, func(t *testing.T, x launch.Executor) {
		first := says(
			step("private mounts", unix.SYS_MOUNT, program.Str("none"), program.Str("/"), program.Imm(0), program.Imm(unix.MS_REC|unix.MS_PRIVATE)),
			step("proc", unix.SYS_MOUNT, program.Str("proc"), program.Str("/proc"), program.Str("proc")),
			sh("echo up; sleep 100"))
		first.Clone.Flags = allNamespaces
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		container, err := start(t, x, first, int(w.Fd()))
		w.Close()
		if err != nil {
			t.Fatal(err)
		}
		defer reap(t, container)
		defer unix.Kill(container.Pid, unix.SIGKILL)
		if b := make([]byte, 3); !readsUp(r, b) {
			t.Fatalf("the container says %q", b)
		}
		p := says(
			step("enter", unix.SYS_SETNS, program.Fd(1), program.Imm(unix.CLONE_NEWNS|unix.CLONE_NEWPID)),
			birth(),
			sh("cd /proc; set -- [1-9]*; echo $# $PPID"))
		p.AddFd("container")
		// The first process and what has been born, whose parent is outside.
		if got := output(t, x, p, container.PidFd); got != "2 0" {
			t.Errorf("%q", got)
		}
	})
}

func readsUp(r io.Reader, b []byte) bool {
	_, err := io.ReadFull(r, b)
	return err == nil && string(b) == "up\n"
}

func TestAFailureAfterABirthIsTheChilds(t *testing.T) {
	forEach(t, func(t *testing.T, x launch.Executor) {
		for _, fails := range []struct {
			p    *program.Program
			step int
		}{
			{says(birth(), step("fail", unix.SYS_CLOSE, program.Imm(900)), sh("true")), 2},
			{says(step("fail", unix.SYS_CLOSE, program.Imm(900)), birth(), sh("true")), 1},
		} {
			before := descriptors(t)
			child, err := start(t, x, fails.p, 0)
			var f *program.Failure
			if !errors.As(err, &f) || f.Step != fails.step || f.Errno != unix.EBADF {
				t.Errorf("%v", err)
			}
			if got := reap(t, child).ExitStatus(); got != 1 {
				t.Errorf("exit status %d", got)
			}
			if after := descriptors(t); len(after) != len(before) {
				t.Errorf("descriptors are left behind: %v, not %v", after, before)
			}
		}
	})
}

func TestWhatIsBornHasNoMemoryOfOurs(t *testing.T) {
	if raw, err := os.ReadFile("/proc/self/maps"); err != nil || bytes.Contains(raw, []byte("libc")) {
		t.Skip("built with the C library, which needs its memory: ", err)
	}
	x := executors(t)["asm"]
	r, w, err := os.Pipe() // on which the child waits before it executes its program
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p := says(birth(), step("wait", unix.SYS_READ, program.Fd(1), program.Bytes(make([]byte, 1)), program.Imm(1)), sh("true"))
	p.AddFd("wait")
	var maps, line []byte
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer w.Close()
		maps, line = waiting(t)
	}()
	child, err := start(t, x, p, 1, int(r.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	<-done
	reap(t, child)
	if len(line) > 0 {
		t.Errorf("it shows our command line: %q", line)
	}
	for line := range strings.Lines(string(maps)) {
		if f := strings.Fields(line); f[1] == "r-xp" || strings.Contains(line, "[v") || strings.Contains(line, "/dev/zero") {
			continue // our code, the kernel's, and the page that says how it goes
		} else if size := sizeOf(t, f[0]); f[1] != "rw-p" || size > 64<<10 {
			t.Errorf("it has %s", line)
		}
	}
}

// waiting finds our child that waits in read(2), and looks at its memory.
func waiting(t *testing.T) (maps, line []byte) {
	for range 100000 {
		children, _ := filepath.Glob("/proc/self/task/*/children")
		for _, path := range children {
			b, _ := os.ReadFile(path)
			for _, pid := range strings.Fields(string(b)) {
				call, _ := os.ReadFile("/proc/" + pid + "/syscall")
				if !bytes.HasPrefix(call, []byte("0 ")) && !bytes.HasPrefix(call, []byte("63 ")) {
					continue
				}
				maps, err := os.ReadFile("/proc/" + pid + "/maps")
				if err != nil {
					t.Error(err)
				}
				line, err := os.ReadFile("/proc/" + pid + "/cmdline")
				if err != nil {
					t.Error(err)
				}
				return maps, line
			}
		}
	}
	t.Error("there is no child that waits")
	return nil, nil
}

func sizeOf(t *testing.T, span string) uint64 {
	t.Helper()
	first, last, _ := strings.Cut(span, "-")
	from, err := strconv.ParseUint(first, 16, 64)
	to, err2 := strconv.ParseUint(last, 16, 64)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	return to - from
}

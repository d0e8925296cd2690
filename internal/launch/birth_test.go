package launch_test

import (
	"errors"
	"fmt"
	"io"
	"os"
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

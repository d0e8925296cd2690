//go:build linux

package keeper_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/keeper"
	"berth/internal/program"
)

// waiting is a program that can be parked.
func waiting(steps ...program.Step) []byte {
	p := program.New()
	for _, s := range steps {
		p.Add(s)
	}
	p.Add(program.Step{Name: "wait", Call: unix.SYS_GETPID})
	code, err := p.Encode()
	if err != nil {
		panic(err)
	}
	return code
}

func fails(call uintptr) program.Step { // EBADF
	return program.Step{Name: "fail", Call: call, Args: [6]program.Arg{program.Imm(1 << 20)}}
}

func exits(code int) []byte {
	p := program.New()
	p.Add(program.Step{Name: "run", Call: unix.SYS_EXECVE, Args: [6]program.Arg{program.Str("/bin/busybox"),
		program.Vec([]string{"sh", "-c", fmt.Sprintf("exit %d", code)}), program.Vec(nil)}})
	b, err := p.Encode()
	if err != nil {
		panic(err)
	}
	return b
}

func (w *world) park(id string) keeper.Sandbox {
	w.Helper()
	box, err := w.Park(w.ctx, keeper.ParkRequest{ID: id, Program: waiting()})
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { box.Pidfd.Close() })
	return box
}

func gone(box keeper.Sandbox) bool {
	return errors.Is(unix.PidfdSendSignal(int(box.Pidfd.Fd()), 0, nil, 0), unix.ESRCH)
}

func TestASandboxBecomesAProcess(t *testing.T) {
	w := newWorld(t)
	box := w.park("box")
	if ids, err := w.Sandboxes(w.ctx); err != nil || len(ids) != 1 || ids[0] != "box" {
		t.Errorf("%v, %v", ids, err)
	}
	if list, err := w.List(w.ctx); err != nil || len(list) != 0 {
		t.Errorf("a sandbox is among the processes: %v, %v", list, err)
	}
	p, pidfd, err := w.Start(w.ctx, keeper.StartRequest{ID: "c", Container: "c", Sandbox: "box", Program: exits(7)})
	if err != nil {
		t.Fatal(err)
	}
	defer pidfd.Close()
	if p.Pid != box.Pid {
		t.Errorf("it has pid %d, and the sandbox had %d", p.Pid, box.Pid)
	}
	if e := <-w.Events(); e.ID != "c" || e.Exit.Code != 7 {
		t.Errorf("%+v", e)
	}
	if ids, err := w.Sandboxes(w.ctx); err != nil || len(ids) != 0 {
		t.Errorf("%v, %v", ids, err)
	}
	if _, _, err := w.Start(w.ctx, keeper.StartRequest{ID: "d", Sandbox: "box", Program: exits(7)}); !fault.Is(err, fault.NotFound) {
		t.Errorf("it is there again: %v", err)
	}
	if err := w.Discard(w.ctx, "box"); !fault.Is(err, fault.NotFound) {
		t.Errorf("it can be discarded: %v", err)
	}
}

func TestBothProgramsOfASandboxSayWhatFailed(t *testing.T) {
	w := newWorld(t)
	var f *program.Failure
	_, err := w.Park(w.ctx, keeper.ParkRequest{ID: "box", Program: waiting(fails(unix.SYS_CLOSE))})
	if !errors.As(err, &f) || f.Step != 0 || f.Errno != syscall.EBADF {
		t.Errorf("%v", err)
	}
	box := w.park("box")
	p := program.New()
	p.Add(program.Step{Name: "fine", Call: unix.SYS_GETPID})
	p.Add(fails(unix.SYS_FCHDIR))
	p.Add(program.Step{Name: "run", Call: unix.SYS_EXECVE, Args: [6]program.Arg{program.Str("/x")}})
	code, _ := p.Encode()
	_, _, err = w.Start(w.ctx, keeper.StartRequest{ID: "c", Sandbox: "box", Program: code})
	if !errors.As(err, &f) || f.Step != 1 || f.Errno != syscall.EBADF {
		t.Errorf("%v", err)
	}
	if !gone(box) {
		t.Error("its process is still there")
	}
	if list, err := w.List(w.ctx); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
}

func TestASandboxIsDiscarded(t *testing.T) {
	w := newWorld(t)
	box := w.park("box")
	if _, err := w.Park(w.ctx, keeper.ParkRequest{ID: "box", Program: waiting()}); !fault.Is(err, fault.Conflict) {
		t.Errorf("there are two: %v", err)
	}
	if err := w.Discard(w.ctx, "box"); err != nil {
		t.Fatal(err)
	}
	if !gone(box) {
		t.Error("its process is still there")
	}
}

func TestASandboxThatDiesIsForgotten(t *testing.T) {
	w := newWorld(t)
	box := w.park("box")
	if err := syscall.Kill(box.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	w.until("the sandbox is forgotten", func() bool {
		ids, err := w.Sandboxes(w.ctx)
		return err == nil && len(ids) == 0
	})
	if _, _, err := w.Start(w.ctx, keeper.StartRequest{ID: "c", Sandbox: "box", Program: exits(0)}); !fault.Is(err, fault.NotFound) {
		t.Errorf("%v", err)
	}
}

func TestTheKeeperHoldsOnlySoManySandboxes(t *testing.T) {
	w := newWorld(t)
	var last error
	for i := 0; i < 40 && last == nil; i++ {
		box, err := w.Park(w.ctx, keeper.ParkRequest{ID: fmt.Sprint(i), Program: waiting()})
		if last = err; err == nil {
			box.Pidfd.Close()
		}
	}
	if !fault.Is(last, fault.Unavailable) {
		t.Errorf("%v", last)
	}
}

func TestSandboxesGoWithTheirDaemon(t *testing.T) {
	w := newWorld(t)
	box := w.park("box")
	w.Client.Close()
	w.connect()
	if ids, err := w.Sandboxes(w.ctx); err != nil || len(ids) != 0 {
		t.Errorf("%v, %v", ids, err)
	}
	w.until("the sandbox is gone", func() bool { return gone(box) })
}

func TestSandboxesGoWithAKilledKeeper(t *testing.T) {
	w := newWorld(t)
	box := w.park("box")
	if err := syscall.Kill(w.pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-w.Done()
	w.until("the sandbox is gone", func() bool {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", box.Pid))
		return err != nil || gone(box) || zombie(string(status))
	})
}

func TestAKeeperThatIsAskedToEndEndsItsSandboxes(t *testing.T) {
	w := newWorld(t)
	w.park("box")
	if err := syscall.Kill(w.pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-w.Done()
}

// zombie reports whether /proc/<pid>/stat tells of a process that nobody has
// reaped: the test's machine may have an init that does not.
func zombie(stat string) bool {
	_, rest, _ := strings.Cut(stat, ") ")
	return strings.HasPrefix(rest, "Z")
}

package launch_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/launch"
	"berth/internal/program"
)

// preparing is a program that can be parked.
func preparing(steps ...program.Step) *program.Program {
	p := program.New()
	for _, s := range steps {
		p.Add(s)
	}
	p.Add(step("wait", unix.SYS_GETPID))
	return p
}

func encode(t testing.TB, p *program.Program) []byte {
	t.Helper()
	code, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// parked parks p, which has to work.
func parked(t testing.TB, x launch.Executor, p *program.Program, fds ...int) (launch.Parked, launch.Child) {
	t.Helper()
	waits, child, err := x.(launch.Parker).Park(encode(t, p), fds)
	if err != nil {
		if child.Pid != 0 {
			reap(t, child)
		}
		t.Fatal(err)
	}
	return waits, child
}

// noneLeft checks that a test gives its descriptors back.
func noneLeft(t *testing.T) {
	t.Helper()
	count := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	before := count()
	t.Cleanup(func() {
		if after := count(); after != before {
			t.Errorf("%d descriptors are open, and were %d", after, before)
		}
	})
}

func TestAParkedChildGoesOnWithASecondProgram(t *testing.T) {
	forEach(t, func(t *testing.T, x launch.Executor) {
		noneLeft(t)
		// The first program leaves descriptors of its own open, and a new umask.
		waits, child := parked(t, x, preparing(
			step("umask", unix.SYS_UMASK, program.Imm(0o123)),
			step("open", unix.SYS_OPENAT, program.Imm(1<<64-100), program.Str("/"), program.Imm(unix.O_PATH)),
			step("go", unix.SYS_CHDIR, program.Str("/proc"))))
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		second := says(
			step("close the rest", unix.SYS_CLOSE_RANGE, program.Imm(3), program.Imm(1<<32-1), program.Imm(unix.CLOSE_RANGE_CLOEXEC)),
			sh(`umask; pwd; ls /proc/self/fd | wc -l; echo $$`))
		err = waits.Resume(encode(t, second), []int{int(w.Fd())})
		w.Close()
		defer reap(t, child)
		if err != nil {
			t.Fatal(err)
		}
		said, _ := io.ReadAll(r)
		if want := fmt.Sprintf("0123 /proc 4 %d", child.Pid); strings.Join(strings.Fields(string(said)), " ") != want {
			t.Errorf("it says %q, not %q", said, want)
		}
	})
}

func TestManyDescriptorsReachTheSecondProgram(t *testing.T) {
	forEach(t, func(t *testing.T, x launch.Executor) {
		noneLeft(t)
		waits, child := parked(t, x, preparing())
		defer reap(t, child)
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		p := program.New()
		var fds []int
		for i := range 60 { // every other one is a directory
			p.AddFd(fmt.Sprint("fd", i))
			dir, err := unix.Open(fmt.Sprintf("/proc/%d", 1+i%2*(os.Getpid()-1)), unix.O_PATH|unix.O_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(dir)
			fds = append(fds, dir)
		}
		fds[7] = int(w.Fd())
		p.Add(dup(program.Fd(7), 1))
		p.Add(step("go", unix.SYS_FCHDIR, program.Fd(59)))
		p.Add(sh(`pwd`))
		err = waits.Resume(encode(t, p), fds)
		w.Close()
		if err != nil {
			t.Fatal(err)
		}
		said, _ := io.ReadAll(r)
		if want := fmt.Sprintf("/proc/%d", os.Getpid()); strings.TrimSpace(string(said)) != want {
			t.Errorf("it is in %q, not %q", said, want)
		}
	})
}

func TestBothPartsOfAParkedChildSayWhichStepFailed(t *testing.T) {
	fails := step("fails", unix.SYS_CHDIR, program.Str("/nowhere"))
	forEach(t, func(t *testing.T, x launch.Executor) {
		noneLeft(t)
		_, child, err := x.(launch.Parker).Park(encode(t, preparing(step("fine", unix.SYS_GETPID), fails)), nil)
		var f *program.Failure
		if !errors.As(err, &f) || f.Step != 1 || f.Errno != syscall.ENOENT {
			t.Errorf("the first part: %v", err)
		}
		reap(t, child)

		for name, c := range map[string]struct {
			p     func(*program.Program)
			step  int
			errno syscall.Errno
		}{
			"a step":      {func(p *program.Program) { p.Add(fails); p.Add(sh("exit 0")) }, 0, syscall.ENOENT},
			"the execve":  {func(p *program.Program) { s := sh(""); s.Args[0] = program.Str("/nowhere"); p.Add(s) }, 0, syscall.ENOENT},
			"its killing": {func(p *program.Program) { p.Add(step("die", unix.SYS_EXIT_GROUP)); p.Add(sh("exit 0")) }, 0, 0},
		} {
			waits, child := parked(t, x, preparing())
			p := program.New()
			c.p(p)
			err := waits.Resume(encode(t, p), nil)
			if !errors.As(err, &f) || f.Step != c.step || f.Errno != c.errno {
				t.Errorf("%s: %v", name, err)
			}
			reap(t, child)
		}
	})
}

func TestADiscardedChildEnds(t *testing.T) {
	forEach(t, func(t *testing.T, x launch.Executor) {
		noneLeft(t)
		waits, child := parked(t, x, preparing())
		waits.Discard()
		if ws := reap(t, child); !ws.Signaled() || ws.Signal() != syscall.SIGKILL {
			t.Errorf("it ended with %#x", ws)
		}
	})
}

func TestProgramsThatCannotBeParkedAreRefused(t *testing.T) {
	forEach(t, func(t *testing.T, x launch.Executor) {
		noneLeft(t)
		p := program.New()
		p.Add(sh("exit 0"))
		if _, child, err := x.(launch.Parker).Park(encode(t, p), nil); err == nil || child.Pid != 0 {
			t.Errorf("a program that executes is parked: %v", err)
		}
		if _, child, err := x.(launch.Parker).Park([]byte("BTHP"), nil); err == nil || child.Pid != 0 {
			t.Errorf("a piece of a program is parked: %v", err)
		}
		tolerant := sh("exit 0")
		tolerant.OnErr = []program.OnErr{{Errno: syscall.ENOENT}}
		large := program.New()
		large.Add(step("large", unix.SYS_GETPID, program.Bytes(make([]byte, 1<<20))))
		large.Add(sh("exit 0"))
		for name, p := range map[string]*program.Program{
			"one that does not execute": preparing(), "one that may run off its end": preparing(tolerant), "one that is too large": large,
			"one that makes namespaces": func() *program.Program {
				p := program.New()
				p.Clone.Flags = unix.CLONE_NEWUTS
				p.Add(sh("exit 0"))
				return p
			}(),
		} {
			waits, child := parked(t, x, preparing())
			if err := waits.Resume(encode(t, p), nil); err == nil {
				t.Errorf("%s goes on", name)
			}
			reap(t, child)
		}
	})
}

func TestAParkedChildOfAParentThatDiesEnds(t *testing.T) {
	forEach(t, func(t *testing.T, x launch.Executor) {
		// The parent is another child of ours: this test again, told by its environment to park and say who waits.
		if os.Getenv("PARK_AND_WAIT") == "1" {
			_, child := parked(t, x, preparing())
			fmt.Println("waits:", child.Pid)
			time.Sleep(time.Hour)
		}
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		self, err := os.StartProcess("/proc/self/exe", []string{"park", "-test.run", "^" + strings.ReplaceAll(t.Name(), "/", "$/^") + "$"}, &os.ProcAttr{
			Env: append(os.Environ(), "PARK_AND_WAIT=1"), Files: []*os.File{nil, w, nil}})
		w.Close()
		if err != nil {
			t.Fatal(err)
		}
		said := make([]byte, 100)
		n, _ := r.Read(said)
		var pid int
		if _, err := fmt.Sscanf(string(said[:n]), "waits: %d", &pid); err != nil {
			t.Fatalf("%v: %q", err, said[:n])
		}
		pidfd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(pidfd)
		self.Kill()
		self.Wait()
		poll := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
		if n, err := unix.Poll(poll, 10_000); n != 1 {
			t.Errorf("it still waits: %v", err)
		}
	})
}

func TestManyChildrenWaitAtOnce(t *testing.T) {
	forEach(t, func(t *testing.T, x launch.Executor) {
		noneLeft(t)
		var wg sync.WaitGroup
		for i := range 12 {
			wg.Go(func() {
				waits, child := parked(t, x, preparing())
				if i%3 == 0 {
					waits.Discard()
					reap(t, child)
					return
				}
				p := program.New()
				p.Add(sh(fmt.Sprint("exit ", i)))
				if err := waits.Resume(encode(t, p), nil); err != nil {
					t.Error(err)
				}
				if got := reap(t, child).ExitStatus(); got != i {
					t.Errorf("exit status %d, not %d", got, i)
				}
			})
		}
		wg.Wait()
	})
}

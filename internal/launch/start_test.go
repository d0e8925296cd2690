package launch_test

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"berth/internal/launch"
	"berth/internal/program"
)

func TestAProgramThatExecutesHasItsExitStatusSeenByWait(t *testing.T) {
	forEach(t, func(t *testing.T, x launch.Executor) {
		p := program.New()
		p.Add(sh("exit 7"))
		if got := runs(t, x, p); got != 7 {
			t.Errorf("exit status %d, not 7", got)
		}
	})
}

func TestArgumentsAndEnvironmentReachTheProgram(t *testing.T) {
	forEach(t, func(t *testing.T, x launch.Executor) {
		if got := output(t, x, says(sh(`echo "$0 $A"`))); got != "sh b c" {
			t.Errorf("it says %q", got)
		}
	})
}

// programs is the table of what can happen on the way to execve. A failing one
// names the step and the errno, a good one what it says on descriptor 0.
var programs = []struct {
	name  string
	steps func(p *program.Program)
	says  string
	step  int
	errno syscall.Errno
	died  bool
}{
	{name: "a failing step", steps: func(p *program.Program) {
		p.Add(step("fine", unix.SYS_GETPID))
		p.Add(step("fails", unix.SYS_CHDIR, program.Str("/nowhere")))
		p.Add(sh("echo not reached"))
	}, step: 2, errno: syscall.ENOENT},
	{name: "an execve that fails", steps: func(p *program.Program) {
		p.Add(step("run", unix.SYS_EXECVE, program.Str("/nowhere"), program.Vec([]string{"x"}), program.Vec(nil)))
	}, step: 1, errno: syscall.ENOENT},
	{name: "running off the end", steps: func(p *program.Program) {
		p.Add(step("fine", unix.SYS_GETPID))
	}, step: 2, errno: syscall.ENOEXEC},
	{name: "each of three expected errnos", steps: func(p *program.Program) {
		expect := []program.OnErr{{Errno: syscall.EPERM, Skip: 1}, {Errno: syscall.EBADF, Skip: 0}, {Errno: syscall.ENOENT, Skip: 1}}
		s := step("missing", unix.SYS_CHDIR, program.Str("/nowhere"))
		s.OnErr = expect
		p.Add(s)
		p.Add(sh("echo not skipped"))
		s = step("bad", unix.SYS_DUP3, program.Imm(1<<20), program.Imm(9))
		s.OnErr = expect
		p.Add(s)
		p.Add(sh("echo went on"))
		p.Add(sh("echo too far"))
	}, says: "went on"},
	{name: "an errno beside the expected ones", steps: func(p *program.Program) {
		s := step("missing", unix.SYS_CHDIR, program.Str("/nowhere"))
		s.OnErr = []program.OnErr{{Errno: syscall.EPERM}}
		p.Add(s)
		p.Add(sh("echo not reached"))
	}, step: 1, errno: syscall.ENOENT},
	{name: "a success that skips", steps: func(p *program.Program) {
		s := step("works", unix.SYS_CHDIR, program.Str("/"))
		s.SkipOK = 2
		p.Add(s)
		p.Add(sh("echo not skipped"))
		p.Add(sh("echo not skipped either"))
		p.Add(sh("pwd"))
	}, says: "/"},
	{name: "a search for the program", steps: func(p *program.Program) {
		for _, path := range []string{"/nowhere", busybox} {
			s := step("run "+path, unix.SYS_EXECVE, program.Str(path), program.Vec([]string{"echo", "found"}), program.Vec(nil))
			if path != busybox {
				s.OnErr = []program.OnErr{{Errno: syscall.ENOENT}}
			}
			p.Add(s)
		}
	}, says: "found"},
	{name: "a result as an argument", steps: func(p *program.Program) {
		fd := p.Add(step("open", unix.SYS_OPENAT, at(unix.AT_FDCWD), program.Str("/proc/self/comm"), program.Imm(unix.O_RDONLY)))
		p.Add(dup(program.Res(fd), 0))
		p.Add(sh("cat >/dev/null && echo read"))
	}, says: "read"},
	{name: "the result of a step that never ran", steps: func(p *program.Program) {
		s := step("skips", unix.SYS_GETPID)
		s.SkipOK = 1
		p.Add(s)
		fd := p.Add(step("open", unix.SYS_OPENAT, at(unix.AT_FDCWD), program.Str("/"), program.Imm(unix.O_RDONLY)))
		p.Add(dup(program.Res(fd), 0))
		p.Add(sh("echo not reached"))
	}, step: 3, errno: syscall.EBADF},
	{name: "memory shared by two steps", steps: func(p *program.Program) {
		buffer := make([]byte, 6)
		fd := p.Add(step("open", unix.SYS_OPENAT, at(unix.AT_FDCWD), program.Str("/proc/sys/kernel/ostype"), program.Imm(unix.O_RDONLY)))
		n := p.Add(step("read", unix.SYS_READ, program.Res(fd), program.Bytes(buffer), program.Imm(6)))
		p.Add(step("write", unix.SYS_WRITE, program.Imm(1), program.Bytes(buffer), program.Res(n)))
		p.Add(sh("exit 0"))
	}, says: "Linux"},
	{name: "pointers, descriptors and results inside data", steps: func(p *program.Program) {
		// struct iovec[2] for writev, once with a length that a call returned.
		length := p.Add(step("length", unix.SYS_PRCTL, program.Imm(unix.PR_GET_DUMPABLE)))
		iov := program.Refer(make([]byte, 32),
			program.Ref{Offset: 0, Arg: program.Str("abc")},
			program.Ref{Offset: 8, Arg: program.Imm(3), Width: 8},
			program.Ref{Offset: 16, Arg: program.Str("def")},
			program.Ref{Offset: 24, Arg: program.Res(length), Width: 8},
		)
		p.Add(step("write", unix.SYS_WRITEV, program.Imm(1), iov, program.Imm(2)))
		// struct pollfd for ppoll: descriptor 0, POLLOUT.
		poll := program.Refer([]byte{0, 0, 0, 0, unix.POLLOUT, 0, 0, 0}, program.Ref{Offset: 0, Arg: program.Fd(0)})
		s := step("poll", unix.SYS_PPOLL, poll, program.Imm(1))
		s.SkipOK = 1
		p.Add(s)
		p.Add(sh("echo not skipped"))
		p.Add(sh("exit 0"))
	}, says: "abcd"},
	{name: "a child killed before execve", steps: func(p *program.Program) {
		pid := p.Add(step("pid", unix.SYS_GETPID))
		p.Add(step("kill", unix.SYS_KILL, program.Res(pid), program.Imm(uint64(syscall.SIGKILL))))
		p.Add(sh("echo not reached"))
	}, step: 2, died: true},
	{name: "a child that exits before execve", steps: func(p *program.Program) {
		p.Add(step("exit", unix.SYS_EXIT_GROUP, program.Imm(0)))
	}, step: 1, died: true},
}

// at is a negative number as an argument.
func at(n int) program.Arg { return program.Imm(uint64(n)) }

func TestEveryProgramGoesTheSameWayInEveryExecutor(t *testing.T) {
	forEach(t, func(t *testing.T, x launch.Executor) {
		for _, c := range programs {
			t.Run(c.name, func(t *testing.T) {
				p := says()
				c.steps(p)
				if c.says != "" {
					if got := output(t, x, p); got != c.says {
						t.Errorf("it says %q, not %q", got, c.says)
					}
					return
				}
				failsAt(t, x, p, c.step, c.errno)
			})
		}
	})
}

func failsAt(t *testing.T, x launch.Executor, p *program.Program, step int, errno syscall.Errno) {
	t.Helper()
	var out [2]int
	if err := syscall.Pipe2(out[:], syscall.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(out[0])
	child, err := start(t, x, p, out[1])
	syscall.Close(out[1])
	if child.Pid == 0 {
		t.Fatal("no child to reap: ", err)
	}
	reap(t, child)
	var f *program.Failure
	if !errors.As(err, &f) {
		t.Fatalf("the error is %v", err)
	}
	if f.Step != step || f.Errno != errno || f.Of != len(p.Steps) {
		t.Errorf("it failed at %d of %d with %v, not at %d of %d with %v", f.Step, f.Of, f.Errno, step, len(p.Steps), errno)
	}
	var b [64]byte
	if n, _ := syscall.Read(out[0], b[:]); n > 0 {
		t.Errorf("it said %q", b[:n])
	}
}

func TestACloneThatFailsLeavesNoChild(t *testing.T) {
	forEach(t, func(t *testing.T, x launch.Executor) {
		p := program.New()
		p.AddFd("no cgroup")
		p.Clone.Cgroup = 0
		p.Add(sh("exit 0"))
		null, err := syscall.Open("/dev/null", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer syscall.Close(null)
		child, err := start(t, x, p, null)
		var f *program.Failure
		if !errors.As(err, &f) || f.Step != -1 || f.Errno != syscall.EBADF || child.Pid != 0 {
			t.Errorf("%+v, %v", child, err)
		}
	})
}

func TestNonsenseIsRefused(t *testing.T) {
	forEach(t, func(t *testing.T, x launch.Executor) {
		p := program.New()
		p.Add(sh("exit 0"))
		code, err := p.Encode()
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{"", "x", strings.Repeat("\xff", 200), string(code[:len(code)-1]), string(code) + "x"} {
			if child, err := x.Start([]byte(bad), nil); err == nil || child.Pid != 0 {
				t.Errorf("%d bytes were taken for a program", len(bad))
			}
		}
		if _, err := x.Start(code, []int{0}); err == nil {
			t.Error("a descriptor too many was accepted")
		}
	})
}

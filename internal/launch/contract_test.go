package launch_test

import (
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"berth/internal/launch"
	"berth/internal/program"
)

func TestMain(m *testing.M) {
	launch.InitMain()
	os.Exit(m.Run())
}

const busybox = "/bin/busybox"

// executors are all that have to keep the contract.
func executors(t testing.TB) map[string]launch.Executor {
	t.Helper()
	asm, err := launch.NewAsm()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { asm.Close() })
	reexec, err := launch.NewReexec()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reexec.Close() })
	all := map[string]launch.Executor{"asm": asm, "reexec": reexec}
	if blank, err := launch.NewBlankAsm(); err == nil {
		t.Cleanup(func() { blank.Close() })
		all["blank"] = blank
	} else {
		t.Log("no blank executables: ", err)
	}
	return all
}

// forEach runs a test against every executor.
func forEach(t *testing.T, test func(t *testing.T, x launch.Executor)) {
	if _, err := os.Stat(busybox); err != nil {
		t.Skip("the children are busybox, which is not installed: ", err)
	}
	for name, x := range executors(t) {
		t.Run(name, func(t *testing.T) { test(t, x) })
	}
}

func step(name string, call uintptr, args ...program.Arg) program.Step {
	s := program.Step{Name: name, Call: call}
	copy(s.Args[:], args)
	return s
}

func sh(script string) program.Step {
	return step("run", unix.SYS_EXECVE, program.Str(busybox),
		program.Vec([]string{"sh", "-c", script}), program.Vec([]string{"PATH=/bin", "A=b c"}))
}

func dup(fd program.Arg, to int) program.Step {
	return step("dup", unix.SYS_DUP3, fd, program.Imm(uint64(to)))
}

// start encodes and starts p.
func start(t testing.TB, x launch.Executor, p *program.Program, fds ...int) (launch.Child, error) {
	t.Helper()
	code, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return x.Start(code, fds)
}

// reap waits for the child's end and gives back what it holds.
func reap(t testing.TB, c launch.Child) syscall.WaitStatus {
	t.Helper()
	var ws syscall.WaitStatus
	for {
		pid, err := syscall.Wait4(c.Pid, &ws, 0, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || pid != c.Pid {
			t.Errorf("wait4(%d) = %d, %v", c.Pid, pid, err)
		}
		break
	}
	if c.PidFd >= 0 {
		syscall.Close(c.PidFd)
	}
	return ws
}

// runs starts p, which has to reach execve, and returns its exit status.
func runs(t *testing.T, x launch.Executor, p *program.Program, fds ...int) int {
	t.Helper()
	child, err := start(t, x, p, fds...)
	if err != nil {
		if child.Pid != 0 {
			reap(t, child)
		}
		t.Fatal(err)
	}
	if child.PidFd < 0 {
		t.Error("no pidfd")
	}
	return reap(t, child).ExitStatus()
}

// output is what p writes to descriptor 0 of its list, a pipe, which it has to
// put in place itself.
func output(t *testing.T, x launch.Executor, p *program.Program, more ...int) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	child, err := start(t, x, p, append([]int{int(w.Fd())}, more...)...)
	w.Close()
	if child.Pid != 0 {
		defer reap(t, child)
	}
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// says is a program whose standard output is descriptor 0.
func says(steps ...program.Step) *program.Program {
	p := program.New()
	p.AddFd("stdout")
	p.Add(dup(program.Fd(0), 1))
	for _, s := range steps {
		p.Add(s)
	}
	return p
}

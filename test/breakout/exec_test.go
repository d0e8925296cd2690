//go:build linux

package breakout

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"berth/internal/linux/seccomp"
	"berth/internal/program"
	"berth/internal/runtime"
	"berth/test/harness"
)

// watched is a container in which the attacker waits for a further process.
type watched struct {
	*stage
	pid   int
	lines *bufio.Reader
}

// watch starts the attacker and waits until it is ready.
func (s *stage) watch() *watched {
	s.t.Helper()
	out := s.streams()
	child, err := start(s.t, s.compile(), s.fds)
	s.must(err)
	s.t.Cleanup(func() {
		_ = unix.Kill(child.Pid, unix.SIGKILL)
		reap(child)
	})
	s.fds[runtime.FdStdout].Close()
	w := &watched{s, child.Pid, bufio.NewReader(out)}
	if line, err := w.lines.ReadString('\n'); line != "watching\n" {
		s.t.Fatalf("the attacker says %q (%v)", line, err)
	}
	return w
}

// enter compiles the program of a further process and starts it, once the
// test has changed it.
func (w *watched) enter(change func(p *program.Program)) (said string) {
	w.t.Helper()
	e := &stage{t: w.t, spec: w.spec, fds: map[string]*os.File{}}
	pidfd, err := unix.PidfdOpen(w.pid, 0)
	w.must(err)
	e.give(runtime.FdPidfd, os.NewFile(uintptr(pidfd), "pidfd"))
	out := e.streams()
	process := *w.spec.Process
	process.Args = []string{"/attacker", "idle"}
	filter, err := seccomp.Compile(w.spec.Linux.Seccomp)
	w.must(err)
	p, err := runtime.CompileExec(&process, runtime.ExecInputs{Fds: e.in.Fds, Seccomp: filter})
	w.must(err)
	if change != nil {
		change(p)
	}
	child, err := start(w.t, p, e.fds) // it fails when the attacker was faster: its end is the container's
	e.fds[runtime.FdStdout].Close()
	if err == nil {
		_, err = io.ReadAll(out)
		w.must(err)
		reap(child)
	}
	text, err := io.ReadAll(w.lines)
	w.must(err)
	return verdict(string(text))
}

// withPtrace gives the container what debuggers need.
func withPtrace(s *stage) {
	c := s.spec.Process.Capabilities
	c.Bounding = append(c.Bounding[:len(c.Bounding):len(c.Bounding)], "CAP_SYS_PTRACE")
	c.Effective, c.Permitted = c.Bounding, c.Bounding
	var err error
	s.spec.Linux.Seccomp, err = seccomp.Default(c.Bounding)
	s.must(err)
}

func TestAnExecIsNotThereBeforeItIsConfined(t *testing.T) {
	needRoot(t)
	numbers := &stages{}
	marker := filepath.Join(t.TempDir(), decoyMarker)
	if err := os.WriteFile(marker, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, attack := range []struct {
		name string
		does []string
		set  func(*stage)
	}{
		{"a container without rights looks at it", []string{"watch-exec", marker}, nil},
		{"a container that may trace looks at it", []string{"watch-exec", marker}, withPtrace},
		{"a container that may trace attaches to it", []string{"trace-exec"}, withPtrace},
	} {
		t.Run(attack.name, func(t *testing.T) {
			try := func(change func(*testing.T, *program.Program)) string {
				s := numbers.newStage(t, attack.does...)
				if attack.set != nil {
					attack.set(s)
				}
				return s.watch().enter(func(p *program.Program) { change(t, p) })
			}
			with, slow, without := try(func(*testing.T, *program.Program) {}), try(lingering), try(visible)
			for again := 0; again < 4 && !strings.HasPrefix(without, "escaped: "); again++ {
				without = try(visible) // an attacker who comes too late tries once more
			}
			t.Logf("with the defence    %s", with)
			t.Logf("and time to look    %s", slow)
			t.Logf("with it taken out   %s", without)
			if !strings.HasPrefix(with, "refused: ") || !strings.HasPrefix(slow, "refused: ") {
				t.Error("it is not refused")
			}
			if !strings.HasPrefix(without, "escaped: ") {
				t.Error("with the defence out it ought to escape, to show that it is an attack")
			}
		})
	}
}

// linger gives the attacker time to look.
func linger() program.Step {
	const nanoseconds = 30e6
	return call("linger", unix.SYS_NANOSLEEP, program.Bytes(binary.NativeEndian.AppendUint64(make([]byte, 8), nanoseconds)), program.Imm(0))
}

// lingering has the process wait where it is confined the least, and when it
// is seen for the first time.
func lingering(t *testing.T, p *program.Program) {
	insertAt(p, 0, linger())
	insertAt(p, find(t, p, "be born in the container")[0]+1, linger())
	insert(t, p, "execute the program", linger())
}

// visible has the process come into the container first, and become what it
// is to be there.
func visible(t *testing.T, p *program.Program) {
	disarm(t, p, "be born in the container")
	join := find(t, p, "join the container's namespaces")[0]
	p.Steps[join].Args[1].Value &^= unix.CLONE_NEWPID
	p.Clone.PidNS = int(fdNamed(t, p, runtime.FdPidfd).Value)
	insertAt(p, 0, linger())
}

// The same by the engine: further processes and a hostile first one.
func TestTheEnginesExecIsNotThereBeforeItIsConfined(t *testing.T) {
	needRoot(t)
	d := harness.Start(t)
	c, image := d.Client(t, "berth"), importAttacker(t, d)
	for name, run := range map[string][]string{
		"looks":    {image, "/attacker", "watch-exec", d.Dir()},
		"may look": {"--cap-add", "SYS_PTRACE", image, "/attacker", "watch-exec", d.Dir()},
		"attaches": {"--cap-add", "SYS_PTRACE", image, "/attacker", "trace-exec"},
	} {
		t.Run(name, func(t *testing.T) {
			for range 3 {
				id := c.Must(append([]string{"run", "-d"}, run...)...)
				harness.Eventually(t, "the attacker watches", func() error {
					if said := c.Run("logs", id).Stdout; !strings.Contains(said, "watching") {
						return errors.New(said)
					}
					return nil
				})
				c.Run("exec", id, "/attacker", "idle") // the attacker may be gone by then
				c.Must("wait", id)
				if said := verdict(c.Must("logs", id)); !strings.HasPrefix(said, "refused: ") {
					t.Errorf("it is not refused: %s", said)
				}
			}
		})
	}
}

// A working directory that is a descriptor of the runtime's, whichever, and
// whether the container is new or runs already (CVE-2024-21626).
func TestNoDescriptorOfTheEnginesIsAWorkingDirectory(t *testing.T) {
	needRoot(t)
	d := harness.Start(t)
	c, image := d.Client(t, "berth"), importAttacker(t, d)
	id := c.Must("run", "-d", image, "/attacker", "stay")
	for fd := range 20 {
		for _, process := range []string{"self", "thread-self", "1"} {
			cwd := fmt.Sprintf("/proc/%s/fd/%d", process, fd)
			args := [][]string{{"exec", "-w", cwd, id}}
			if process == "self" {
				args = append(args, []string{"run", "--rm", "-w", cwd, image})
			}
			for _, command := range args {
				r := c.Run(append(command, "/attacker", "look-up-from-cwd", "etc/os-release")...)
				if r.Code == 0 || r.Stdout != "" {
					t.Errorf("%s in %s: %s%s", command[0], cwd, r.Stdout, r.Stderr)
				}
			}
		}
	}
	c.Must("rm", "-f", id)
}

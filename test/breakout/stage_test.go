//go:build linux

package breakout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/launch"
	"berth/internal/linux/cgroup"
	"berth/internal/linux/console"
	"berth/internal/linux/mount"
	"berth/internal/linux/seccomp"
	"berth/internal/program"
	"berth/internal/runtime"
)

// stage is a container of Docker's default sandbox, without a network, that a
// test is about to start from a program.
type stage struct {
	t     *testing.T
	image string // the lower directory: it holds the attacker
	spec  *specs.Spec
	in    runtime.Inputs
	fds   map[string]*os.File
}

// stages numbers the groups of this process's stages.
type stages struct{ next atomic.Int64 }

func (n *stages) group() string {
	return fmt.Sprintf("/berth-breakout-%d/%d", os.Getpid(), n.next.Add(1))
}

// newStage prepares a container that runs the attacker with arguments.
func (n *stages) newStage(t *testing.T, args ...string) *stage {
	t.Helper()
	s := &stage{t: t, image: t.TempDir(), fds: map[string]*os.File{}}
	s.must(os.Chmod(s.image, 0o755))
	for _, dir := range []string{"proc", "sys", "dev", "tmp", "etc", "vol"} {
		s.must(os.Mkdir(filepath.Join(s.image, dir), 0o755))
	}
	s.must(copyProgram(attacker(), filepath.Join(s.image, "attacker")))
	s.spec = runtime.DefaultSpec(runtime.Sandbox{HostCgroupNS: true, HostNetwork: true})
	s.spec.Process.Args = append([]string{"/attacker"}, args...)
	var err error
	s.spec.Linux.Seccomp, err = seccomp.Default(s.spec.Process.Capabilities.Bounding)
	s.must(err)
	s.in.Staging = t.TempDir()
	s.enterGroup(n.group())
	return s
}

func (s *stage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// enterGroup makes a control group with the default rules for devices.
func (s *stage) enterGroup(name string) {
	s.t.Helper()
	h, err := cgroup.Detect()
	s.must(err)
	g, err := h.Create(name, s.spec.Linux.Resources)
	s.must(err)
	s.t.Cleanup(func() {
		if err := errors.Join(g.Remove(context.Background()), removeParents(g)); err != nil {
			s.t.Errorf("remove the group: %v", err)
		}
	})
	s.in.Cgroup = runtime.Cgroup{Join: g.JoinFiles(), Unified: h.Version() == cgroup.V2}
	for _, p := range g.Places() {
		if !p.Unified {
			s.in.Cgroup.Hierarchies = append(s.in.Cgroup.Hierarchies, runtime.Hierarchy{Controllers: p.Controllers, Name: p.Name, Path: p.Dir})
		}
	}
	dir, err := g.Open()
	s.must(err)
	if dir != nil {
		s.give(runtime.FdCgroup, dir)
	}
}

// removeParents removes the group that this process's groups are in, once the
// last of them has gone.
func removeParents(g *cgroup.Group) error {
	dirs, err := filepath.Glob("/sys/fs/cgroup/*" + path.Dir(g.Path()))
	for _, dir := range append(dirs, "/sys/fs/cgroup"+path.Dir(g.Path())) {
		rm := os.Remove(dir)
		if rm != nil && !errors.Is(rm, os.ErrNotExist) && !errors.Is(rm, unix.EBUSY) && !errors.Is(rm, unix.ENOTEMPTY) {
			err = errors.Join(err, rm)
		}
	}
	return err
}

// give adds a descriptor that travels with the program.
func (s *stage) give(name string, f *os.File) {
	s.t.Cleanup(func() { f.Close() })
	s.fds[name] = f
	s.in.Fds = append(s.in.Fds, name)
}

// compile compiles the container's program.
func (s *stage) compile() *program.Program {
	s.t.Helper()
	upper := s.t.TempDir()
	s.must(os.Chmod(upper, 0o755))
	root, err := mount.Overlay([]string{s.image}, upper, s.t.TempDir())
	s.must(err)
	s.give(runtime.FdRootfs, root)
	s.in.Seccomp, err = seccomp.Compile(s.spec.Linux.Seccomp)
	s.must(err)
	p, err := runtime.Compile(s.spec, s.in)
	s.must(err)
	return p
}

// start starts a program with the stage's descriptors.
func start(t *testing.T, p *program.Program, files map[string]*os.File) (launch.Child, error) {
	t.Helper()
	asm, err := launch.NewAsm()
	if err != nil {
		t.Fatal(err)
	}
	defer asm.Close()
	code, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var fds []int
	for _, name := range p.Fds {
		fds = append(fds, int(files[name].Fd()))
	}
	child, err := asm.Start(code, fds)
	var f *program.Failure
	if errors.As(err, &f) {
		err = p.Fail(f.Step, f.Errno)
		if child.Pid > 0 {
			reap(child)
		}
	}
	return child, err
}

func reap(c launch.Child) {
	var ws syscall.WaitStatus
	for {
		if _, err := syscall.Wait4(c.Pid, &ws, 0, nil); err != syscall.EINTR {
			break
		}
	}
	if c.PidFd > 0 {
		unix.Close(c.PidFd)
	}
}

// streams gives the container its streams and returns what to read its output
// from: a pipe, or its terminal.
func (s *stage) streams() *os.File {
	s.t.Helper()
	if s.spec.Process.Terminal {
		master, devpts, slave, err := console.New()
		s.must(err)
		s.t.Cleanup(func() { master.Close() })
		s.give(runtime.FdPty, slave)
		s.give(runtime.FdDevpts, devpts)
		return master
	}
	r, w, err := os.Pipe()
	s.must(err)
	s.t.Cleanup(func() { r.Close() })
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	s.must(err)
	if s.fds[runtime.FdStdin] == nil {
		s.give(runtime.FdStdin, null)
	}
	s.give(runtime.FdStdout, w)
	s.give(runtime.FdStderr, null)
	return r
}

// run runs a program to its end. It returns the attacker's verdict; that a
// program cannot start is one, too.
func (s *stage) run(p *program.Program, out *os.File) string {
	s.t.Helper()
	child, err := start(s.t, p, s.fds)
	if err != nil {
		return "refused: " + err.Error()
	}
	for _, name := range []string{runtime.FdStdout, runtime.FdPty} {
		if f := s.fds[name]; f != nil {
			f.Close()
		}
	}
	text, err := io.ReadAll(out)
	if !errors.Is(err, unix.EIO) { // how a terminal ends
		s.must(err)
	}
	reap(child)
	return verdict(string(text))
}

// verdict is the last line of what an attacker says.
func verdict(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

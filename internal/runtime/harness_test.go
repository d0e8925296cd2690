//go:build linux

package runtime_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/launch"
	"berth/internal/linux/mount"
	"berth/internal/linux/seccomp"
	"berth/internal/program"
	"berth/internal/runtime"
)

const busybox = "/bin/busybox"

// box is a container that a test is about to run.
type box struct {
	t     testing.TB
	asm   *launch.Asm
	image string // the lower directory
	spec  *specs.Spec
	in    runtime.Inputs
	fds   map[string]*os.File
}

// newBox prepares a container of Docker's default sandbox without network, on
// an image that holds busybox.
func newBox(t testing.TB, script ...string) *box {
	t.Helper()
	if _, err := os.Stat(busybox); err != nil || os.Getuid() != 0 {
		t.Skip("needs root and busybox-static")
	}
	asm, err := launch.NewAsm()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { asm.Close() })
	b := &box{t: t, asm: asm, image: t.TempDir(), fds: map[string]*os.File{}}
	for _, dir := range []string{"bin", "etc", "proc", "sys", "dev", "tmp"} {
		b.must(os.Mkdir(filepath.Join(b.image, dir), 0o755))
	}
	b.must(os.Chmod(b.image, 0o755))
	data, err := os.ReadFile(busybox)
	b.must(err)
	b.must(os.WriteFile(filepath.Join(b.image, "bin/busybox"), data, 0o755))
	for _, name := range []string{"sh", "cat", "id", "pwd", "hostname", "ls", "touch", "stat", "sleep", "tty", "test", "mkdir", "head", "grep"} {
		b.must(os.Symlink("busybox", filepath.Join(b.image, "bin", name)))
	}
	b.spec = runtime.DefaultSpec(runtime.Sandbox{ThermalPaths: runtime.ThermalThrottle()})
	b.spec.Process.Args = []string{"sh", "-c", strings.Join(script, "\n")}
	b.spec.Process.Env = []string{"PATH=/usr/bin:/bin", "HOME=/root"}
	b.spec.Linux.Seccomp, err = seccomp.Default(b.spec.Process.Capabilities.Bounding)
	b.must(err)
	b.in.Staging = t.TempDir()
	b.in.Cgroup = hostCgroups(t)
	return b
}

func (b *box) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// hostCgroups reads which v1 hierarchies this host has mounted.
func hostCgroups(t testing.TB) runtime.Cgroup {
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		return runtime.Cgroup{Unified: true}
	}
	data, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	var c runtime.Cgroup
	for line := range strings.Lines(string(data)) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		name, named := strings.CutPrefix(f[1], "name=")
		dir := "/sys/fs/cgroup/" + name
		if _, err := os.Stat(dir + "/tasks"); name == "" || err != nil {
			continue
		}
		h := runtime.Hierarchy{Path: dir + f[2]}
		if named {
			h.Name = name
		} else {
			h.Controllers = strings.Split(name, ",")
		}
		c.Hierarchies = append(c.Hierarchies, h)
	}
	return c
}

// give adds a descriptor that travels with the program; it is closed at the end.
func (b *box) give(name string, f *os.File) {
	b.t.Cleanup(func() { f.Close() })
	b.fds[name] = f
	b.in.Fds = append(b.in.Fds, name)
}

// root mounts the image.
func (b *box) root() *os.File {
	b.t.Helper()
	upper := b.t.TempDir()
	b.must(os.Chmod(upper, 0o755))
	root, err := mount.Overlay([]string{b.image}, upper, b.t.TempDir(), "volatile")
	if err != nil && strings.Contains(err.Error(), "invalid argument") {
		root, err = mount.Overlay([]string{b.image}, upper, b.t.TempDir())
	}
	b.must(err)
	return root
}

// pipes gives the container its streams and returns the ends to read.
func pipes(t testing.TB, give func(string, *os.File)) (out, errOut *os.File) {
	t.Helper()
	null, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	give(runtime.FdStdin, null)
	var ends [2]*os.File
	for i, name := range []string{runtime.FdStdout, runtime.FdStderr} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Close() })
		give(name, w)
		ends[i] = r
	}
	return ends[0], ends[1]
}

// start compiles and starts the container.
func (b *box) start() (launch.Child, error) {
	b.t.Helper()
	if b.fds[runtime.FdRootfs] == nil {
		b.give(runtime.FdRootfs, b.root())
	}
	filter, err := seccomp.Compile(b.spec.Linux.Seccomp)
	b.must(err)
	b.in.Seccomp = filter
	p, err := runtime.Compile(b.spec, b.in)
	b.must(err)
	return b.launch(p)
}

func (b *box) launch(p *program.Program) (launch.Child, error) {
	b.t.Helper()
	return launchWith(b.t, b.asm, p, b.fds)
}

func launchWith(t testing.TB, asm *launch.Asm, p *program.Program, files map[string]*os.File) (launch.Child, error) {
	t.Helper()
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
			reap(t, child)
		}
	}
	return child, err
}

func reap(t testing.TB, c launch.Child) int {
	t.Helper()
	var ws syscall.WaitStatus
	for {
		_, err := syscall.Wait4(c.Pid, &ws, 0, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	if c.PidFd > 0 {
		unix.Close(c.PidFd)
	}
	if ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return ws.ExitStatus()
}

// run runs the container to its end and returns what it wrote.
func (b *box) run() (stdout string, code int) {
	b.t.Helper()
	out, errOut := pipes(b.t, b.give)
	child, err := b.start()
	b.must(err)
	b.fds[runtime.FdStdout].Close()
	b.fds[runtime.FdStderr].Close()
	text, err := io.ReadAll(out)
	b.must(err)
	errText, err := io.ReadAll(errOut)
	b.must(err)
	code = reap(b.t, child)
	if len(errText) > 0 {
		b.t.Logf("stderr: %s", errText)
	}
	return string(text), code
}

// failure runs the container, expects that it cannot start, and returns the failure.
func (b *box) failure() *program.Failure {
	b.t.Helper()
	pipes(b.t, b.give)
	child, err := b.start()
	var f *program.Failure
	if !errors.As(err, &f) {
		if err == nil {
			syscall.Kill(child.Pid, syscall.SIGKILL)
			reap(b.t, child)
		}
		b.t.Fatalf("the start should have failed in a step, but: %v", err)
	}
	return f
}

// field is the rest of the line in text that begins with key.
func field(text, key string) string {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, key); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

func wants(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing in:\n%s", part, text)
		}
	}
}

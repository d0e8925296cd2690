//go:build linux

// Package delegate has a container's process made by an OCI runtime that
// somebody else wrote: crun, runc, or any other with their command line.
//
// The runtime is asked to create and to start; the keeper, to which the process
// belongs once the runtime has ended, does the rest. So such a container
// outlives the daemon like every other, and no process of the runtime stays.
package delegate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/program"
)

// Runtime is an OCI runtime's command line.
type Runtime struct {
	Path string   // of its program
	Args []string // in front of every command
	Root string   // where it keeps its state: --root
}

// The descriptors of Create's and Exec's programs, in this order.
const (
	FdRootfs = "rootfs" // the container's root, a detached mount; Create only
	FdStdin  = "stdin"
	FdStdout = "stdout"
	FdStderr = "stderr"
)

// Bundle is a container as a runtime sees it.
type Bundle struct {
	ID  string
	Dir string // holds config.json, and what is said about the container
}

// Pidfile is where the runtime says which process it has made; each process of
// a container has a name of its own.
func (b Bundle) Pidfile(process string) string { return filepath.Join(b.Dir, process+".pid") }

func (b Bundle) rootfs() string { return filepath.Join(b.Dir, "rootfs") }
func (b Bundle) log() string    { return filepath.Join(b.Dir, "log.json") }

// Write makes the bundle's directory. The spec's root becomes the place where
// the program of Create mounts it.
func (b Bundle) Write(spec *specs.Spec) error {
	readonly := spec.Root != nil && spec.Root.Readonly
	spec.Root = &specs.Root{Path: b.rootfs(), Readonly: readonly}
	err := os.MkdirAll(b.rootfs(), 0o700)
	for _, stale := range []string{b.Pidfile("init"), b.log()} { // of a daemon that was killed
		_ = os.Remove(stale)
	}
	if err == nil {
		err = b.write("config.json", spec)
	}
	return fault.Wrap(fault.Internal, err, "the bundle cannot be written")
}

func (b Bundle) write(name string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.Dir, name), text, 0o600)
}

// Exists reports that there is a bundle.
func (b Bundle) Exists() bool {
	_, err := os.Lstat(b.Dir)
	return err == nil
}

// Remove removes the bundle's directory.
func (b Bundle) Remove() error { return os.RemoveAll(b.Dir) }

// Create is the program that has a runtime create a container: it mounts the
// root where the bundle wants it, in a mount namespace that ends with it, and
// becomes the runtime. console is the path of a socket that takes the
// terminal, or "".
func (r Runtime) Create(b Bundle, console string) *program.Program {
	p := program.New()
	p.Clone.Flags = unix.CLONE_NEWNS
	root := p.AddFd(FdRootfs)
	add(p, "take part in the host's mounts", "but let it see none of ours", unix.SYS_MOUNT, program.Imm(0), program.Str("/"), program.Imm(0), program.Imm(unix.MS_REC|unix.MS_SLAVE), program.Imm(0))
	add(p, "mount the root", "the runtime wants it at a path", unix.SYS_MOVE_MOUNT, program.Fd(root), program.Str(""),
		program.Imm(1<<64-100), program.Str(b.rootfs()), program.Imm(unix.MOVE_MOUNT_F_EMPTY_PATH)) // AT_FDCWD
	args := []string{"create", "--bundle", b.Dir, "--pid-file", b.Pidfile("init")}
	if console != "" {
		args = append(args, "--console-socket", console)
	}
	r.become(p, b, append(args, b.ID)...)
	return p
}

// Exec is the program that has a runtime start a further process, described in
// the bundle by WriteProcess under the same name.
func (r Runtime) Exec(b Bundle, process, console string) *program.Program {
	p := program.New()
	args := []string{"exec", "--detach", "--process", filepath.Join(b.Dir, process+".json"), "--pid-file", b.Pidfile(process)}
	if console != "" {
		args = append(args, "--console-socket", console)
	}
	r.become(p, b, append(args, b.ID)...)
	return p
}

// WriteProcess describes a further process.
func (b Bundle) WriteProcess(name string, p *specs.Process) error {
	return fault.Wrap(fault.Internal, b.write(name+".json", p), "the process cannot be described")
}

// RemoveProcess removes what is said about a further process.
func (b Bundle) RemoveProcess(name string) {
	_ = os.Remove(filepath.Join(b.Dir, name+".json"))
	_ = os.Remove(b.Pidfile(name))
}

// become puts the streams in their places and executes the runtime.
func (r Runtime) become(p *program.Program, b Bundle, args ...string) {
	add(p, "start a session", "all that it starts can be ended with it", unix.SYS_SETSID)
	for i, name := range []string{FdStdin, FdStdout, FdStderr} {
		add(p, "put "+name+" in its place", "the container's process inherits it", unix.SYS_DUP3, program.Fd(p.AddFd(name)), program.Imm(uint64(i)), program.Imm(0))
	}
	add(p, "close the rest on execve", "the runtime gets its streams and nothing else", unix.SYS_CLOSE_RANGE, program.Imm(3), program.Imm(1<<32-1), program.Imm(unix.CLOSE_RANGE_CLOEXEC))
	add(p, "become the runtime", "it makes the container", unix.SYS_EXECVE, program.Str(r.Path), program.Vec(append([]string{r.Path}, r.line(b, args...)...)), program.Vec(environment()))
}

func add(p *program.Program, name, why string, call uintptr, args ...program.Arg) {
	s := program.Step{Name: name, Why: why, Call: call}
	copy(s.Args[:], args)
	p.Add(s)
}

// line is a command of the runtime.
func (r Runtime) line(b Bundle, args ...string) []string {
	line := append([]string{}, r.Args...)
	return append(append(line, "--root", r.Root, "--log", b.log(), "--log-format", "json"), args...)
}

func environment() []string {
	return []string{"PATH=" + os.Getenv("PATH")}
}

// Start lets a created container run.
func (r Runtime) Start(ctx context.Context, b Bundle) error { return r.run(ctx, b, "start", b.ID) }

// Delete ends what is left of a container and has the runtime forget it; that
// there is nothing is no error.
func (r Runtime) Delete(ctx context.Context, b Bundle) error {
	return r.run(ctx, b, "delete", "--force", b.ID)
}

// Created reports that a container waits for its start.
func (r Runtime) Created(ctx context.Context, b Bundle) bool {
	var out tail
	cmd := r.command(ctx, b, "state", b.ID)
	cmd.Stdout = &out
	err := cmd.Run()
	var state specs.State
	return err == nil && json.Unmarshal(out.kept, &state) == nil && state.Status == specs.StateCreated
}

// Known reports that the runtime has a container.
func (r Runtime) Known(ctx context.Context, b Bundle) bool {
	return r.command(ctx, b, "state", b.ID).Run() == nil
}

func (r Runtime) command(ctx context.Context, b Bundle, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, r.Path, r.line(b, args...)...)
	cmd.Env = environment()
	// When time is up, all that it has started ends, too; and nobody waits for
	// those that it leaves behind with its output.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	cmd.WaitDelay = time.Second
	return cmd
}

// tail keeps the last of what is written to it.
type tail struct{ kept []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - maxSaid; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(p), nil
}

// maxSaid is how much of a runtime's output is kept.
const maxSaid = 16 << 10

func (r Runtime) run(ctx context.Context, b Bundle, args ...string) error {
	var out tail
	cmd := r.command(ctx, b, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if err == nil || errors.Is(err, exec.ErrWaitDelay) { // it has ended well; something that it started goes on talking
		return nil
	}
	if said := b.complaint(); said != "" {
		return errors.New(said)
	}
	if said := strings.TrimSpace(string(bytes.ToValidUTF8(out.kept, nil))); said != "" {
		return errors.New(said)
	}
	return err
}

// Explain is what the runtime said of a failed command: the exit code that
// Docker gives such a failure, and the runtime's own words; "" when it said nothing.
func (b Bundle) Explain() (text string, code int) {
	text = b.complaint()
	switch {
	case strings.Contains(text, "executable file not found"), strings.Contains(text, "no such file or directory"), strings.Contains(text, "No such file or directory"):
		return text, 127
	case strings.Contains(text, "ermission denied"):
		return text, 126
	}
	return text, 128
}

// maxLog is how much of a runtime's log is read.
const maxLog = 64 << 10

// complaint is the last error in the runtime's log.
func (b Bundle) complaint() string {
	f, err := os.Open(b.log())
	if err != nil {
		return ""
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > maxLog {
		_, _ = f.Seek(-maxLog, 2) // what is read then begins in a line, which does not decode
	}
	last := ""
	text := make([]byte, maxLog)
	n, _ := f.Read(text)
	for line := range strings.Lines(string(text[:n])) {
		var entry struct{ Level, Msg string }
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg != "" && entry.Level == "error" {
			last = entry.Msg
		}
	}
	return last
}

//go:build linux

package keeper_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/keeper"
	"berth/internal/launch"
	"berth/internal/program"
)

// The test binary is also the keeper (what Ensure runs has --root as its first
// argument) and the daemon that is killed.
func TestMain(m *testing.M) {
	launch.InitMain()
	if len(os.Args) == 3 && os.Args[1] == keeper.RestoresFlag {
		os.Exit(restores(os.Args[2]))
	}
	if len(os.Args) > 2 && os.Args[1] == "--root" {
		linger, err := time.ParseDuration(os.Getenv("BERTH_TEST_LINGER"))
		if err != nil {
			linger = time.Minute
		}
		x, err := launch.NewAsm()
		if err == nil {
			o := keeper.Options{Root: os.Args[2], Linger: linger, Executor: x, Log: func(s string) { fmt.Fprintln(os.Stderr, s) }, Again: os.Args}
			if i := slices.Index(os.Args, keeper.RenewFlag); i > 0 {
				fd, _ := strconv.Atoi(os.Args[i+1])
				o.State = os.NewFile(uintptr(fd), "state")
			}
			err = keeper.Serve(o)
		}
		if err != nil && !errors.Is(err, keeper.ErrRunning) {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if len(os.Args) > 2 && os.Args[1] == "daemon" {
		daemonMain(os.Args[2])
	}
	os.Exit(m.Run())
}

// restores answers whether this keeper could take over from another.
func restores(version string) int {
	if v, err := strconv.Atoi(version); err != nil || !keeper.Restores(v) {
		return 1
	}
	return 0
}

const patience = time.Minute

// world is a keeper of the test's own.
type world struct {
	testing.TB
	root string
	ctx  context.Context
	*keeper.Client
	pid int
}

func newWorld(t testing.TB) *world {
	if os.Geteuid() != 0 {
		t.Skip("the keeper answers only to root")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
	t.Cleanup(cancel)
	w := &world{TB: t, root: t.TempDir(), ctx: ctx}
	t.Cleanup(w.end)
	w.connect()
	w.pid = w.Client.Pid()
	return w
}

func (w *world) connect() {
	w.Helper()
	c, err := keeper.Ensure(w.ctx, w.root, "/proc/self/exe")
	if err != nil {
		log, _ := os.ReadFile(filepath.Join(w.root, "keeper.log"))
		w.Fatalf("no keeper: %v\n%s", err, log)
	}
	w.Client = c
}

// end ends what still runs, and the keeper.
func (w *world) end() {
	if w.Client == nil {
		return
	}
	select {
	case <-w.Done():
		c, err := keeper.Dial(w.ctx, w.root)
		if err != nil {
			return
		}
		w.Client = c
	default:
	}
	list, err := w.List(w.ctx)
	if err != nil {
		w.Errorf("list: %v", err)
	}
	for _, p := range list {
		if p.Exit == nil {
			_ = syscall.Kill(p.Pid, syscall.SIGKILL)
		}
		w.until("forget "+p.ID, func() bool { return w.Forget(w.ctx, p.ID) == nil })
	}
	_ = syscall.Kill(w.Client.Pid(), syscall.SIGTERM)
	select {
	case <-w.Done():
	case <-time.After(patience):
		w.Error("the keeper does not leave")
	}
	w.Client.Close()
	if w.Failed() {
		log, _ := os.ReadFile(filepath.Join(w.root, "keeper.log"))
		w.Logf("keeper.log:\n%s", log)
	}
}

func (w *world) until(what string, ok func() bool) {
	w.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.Fatalf("in vain: %s", what)
		}
	}
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// sh is a program that runs a script with the three standard descriptors.
func sh(t testing.TB, script string, env ...string) []byte {
	p := &program.Program{Clone: program.Clone{Cgroup: -1, PidNS: -1}, Fds: []string{"stdin", "stdout", "stderr"}}
	for i := range 3 {
		p.Steps = append(p.Steps, program.Step{
			Name: "standard descriptor", Why: "the program finds it there", Call: unix.SYS_DUP3,
			Args: [6]program.Arg{program.Fd(i), program.Imm(uint64(i)), program.Imm(0)},
		})
	}
	p.Steps = append(p.Steps, execve("/bin/busybox", env, "sh", "-c", script))
	return encode(t, p)
}

func execve(path string, env []string, argv ...string) program.Step {
	return program.Step{
		Name: "run a program", Why: "that is what it is for", Call: unix.SYS_EXECVE,
		Args: [6]program.Arg{program.Str(path), program.Vec(argv), program.Vec(env)},
	}
}

func encode(t testing.TB, p *program.Program) []byte {
	t.Helper()
	code, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// job is a started process with the daemon's copies of its ends.
type job struct {
	keeper.Process
	stdin, stdout, stderr, pidfd *os.File
}

func (j *job) close() {
	for _, f := range []*os.File{j.stdin, j.stdout, j.stderr, j.pidfd} {
		if f != nil {
			f.Close()
		}
	}
}

// request makes the pipes of a start; done closes the program's sides.
func (w *world) request(id, script string) (q keeper.StartRequest, j *job, done func()) {
	w.Helper()
	r, w0 := w.pipe()
	r1, w1 := w.pipe()
	r2, w2 := w.pipe()
	q = keeper.StartRequest{
		ID: id, Container: id, Program: sh(w, script), Fds: []*os.File{r, w1, w2},
		Spool: filepath.Join(w.root, id+".spool"), ExitFile: filepath.Join(w.root, id+".exit"),
		Held: []keeper.Held{{keeper.StreamStdin, w0}, {keeper.StreamStdout, r1}, {keeper.StreamStderr, r2}},
	}
	return q, &job{stdin: w0, stdout: r1, stderr: r2}, func() { r.Close(); w1.Close(); w2.Close() }
}

// pipe is one whose program side is blocking: Go's os.Pipe is not.
func (w *world) pipe() (r, wr *os.File) {
	w.Helper()
	r, wr, err := os.Pipe()
	w.must(err)
	return r, wr
}

func (w *world) start(id, script string) *job {
	w.Helper()
	q, j, done := w.request(id, script)
	for _, f := range q.Fds { // a shell does not expect EAGAIN
		raw, _ := f.SyscallConn()
		_ = raw.Control(func(fd uintptr) { _ = syscall.SetNonblock(int(fd), false) })
	}
	p, pidfd, err := w.Client.Start(w.ctx, q)
	done()
	w.must(err)
	j.Process, j.pidfd = p, pidfd
	w.Cleanup(j.close)
	return j
}

func (w *world) event() keeper.Event {
	w.Helper()
	select {
	case e, ok := <-w.Events():
		if !ok {
			w.Fatal("the events ended")
		}
		return e
	case <-time.After(patience):
		w.Fatal("no event")
	}
	panic("unreachable")
}

func (w *world) descriptors() []string {
	w.Helper()
	dir := "/proc/" + strconv.Itoa(w.pid) + "/fd"
	names, err := os.ReadDir(dir)
	w.must(err)
	var list []string
	for _, n := range names {
		to, _ := os.Readlink(filepath.Join(dir, n.Name()))
		list = append(list, n.Name()+" "+to)
	}
	return list
}

// sameDescriptors waits until the keeper has no descriptor more than before.
func (w *world) sameDescriptors(before []string) {
	w.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		now := w.descriptors()
		if len(now) <= len(before) {
			return
		}
		if time.Now().After(deadline) {
			w.Fatalf("descriptors leaked:\nbefore %s\nafter  %s", strings.Join(before, ", "), strings.Join(now, ", "))
		}
	}
}

func readAll(t testing.TB, f *os.File) string {
	t.Helper()
	var b bytes.Buffer
	if _, err := io.Copy(&b, f); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

//go:build linux

package keeper_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/keeper"
	"berth/internal/program"
)

func TestAnExitIsOnDiskBeforeItIsTold(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		script       string
		code, signal int
	}{
		{"exit 0", 0, 0}, {"exit 7", 7, 0}, {"exit 255", 255, 0},
		{"kill -KILL $$", 137, 9}, {"kill -TERM $$", 143, 15}, {"kill -SEGV $$", 139, 11},
	} {
		j := w.start("one", c.script)
		if j.Pid <= 0 || j.Started.IsZero() || j.pidfd == nil {
			t.Fatalf("started as %+v", j.Process)
		}
		e := w.event()
		if e.ID != "one" || e.Exit.Code != c.code || e.Exit.Signal != c.signal {
			t.Fatalf("%q ended as %+v", c.script, e)
		}
		onDisk, err := keeper.ReadExitFile(filepath.Join(w.root, "one.exit"))
		w.must(err)
		if onDisk.Code != e.Exit.Code || onDisk.Signal != e.Exit.Signal || !onDisk.Time.Equal(e.Exit.Time) {
			t.Fatalf("the file says %+v, the event %+v", onDisk, e.Exit)
		}
		list, err := w.List(w.ctx)
		w.must(err)
		if len(list) != 1 || list[0].Exit == nil || list[0].Exit.Code != c.code {
			t.Fatalf("the list says %+v", list)
		}
		w.must(w.Forget(w.ctx, "one"))
		if _, err := keeper.ReadExitFile(filepath.Join(w.root, "one.exit")); !fault.Is(err, fault.NotFound) {
			t.Fatalf("the exit file outlives forget: %v", err)
		}
	}
}

func TestOutputGoesToTheDaemonThatStartedTheProcess(t *testing.T) {
	w := newWorld(t)
	j := w.start("io", "read line; echo out $line; echo err >&2; cat >/dev/null; echo end")
	if _, err := j.stdin.WriteString("hello\n"); err != nil {
		t.Fatal(err)
	}
	w.must(w.CloseStdin(w.ctx, "io"))
	j.stdin.Close() // both copies are closed: cat ends
	if out, err := readAll(t, j.stdout), readAll(t, j.stderr); out != "out hello\nend\n" || err != "err\n" {
		t.Fatalf("out %q, err %q", out, err)
	}
	w.event()
	if _, err := os.Stat(filepath.Join(w.root, "io.spool")); err == nil {
		t.Fatal("there is a spool although the daemon was there")
	}
}

func TestAFailedProgramSaysItsStepAndLeavesNothing(t *testing.T) {
	w := newWorld(t)
	before := w.descriptors()
	q, j, done := w.request("bad", "")
	defer done()
	defer j.close()
	q.Program = encode(t, &program.Program{
		Clone: program.Clone{Cgroup: -1, PidNS: -1}, Fds: []string{"a", "b", "c"},
		Steps: []program.Step{
			{Name: "fine", Why: "to have a first step", Call: unix.SYS_GETPID},
			execve("/no/such/program", nil, "x"),
		},
	})
	_, _, err := w.Client.Start(w.ctx, q)
	var f *program.Failure
	if !errors.As(err, &f) || f.Step != 1 || f.Of != 2 || f.Errno != syscall.ENOENT {
		t.Fatalf("failed as %v", err)
	}
	list, err := w.List(w.ctx)
	w.must(err)
	if len(list) != 0 {
		t.Fatalf("a record is left: %+v", list)
	}
	w.sameDescriptors(before)
	q.Program = sh(t, "exit 3")
	_, pidfd, err := w.Client.Start(w.ctx, q)
	w.must(err)
	pidfd.Close()
	if e := w.event(); e.Exit.Code != 3 {
		t.Fatalf("the second start under the ID ended as %+v", e)
	}
}

func TestManyStartsRunAtOnceAndNoExitIsLost(t *testing.T) {
	w := newWorld(t)
	const n = 60
	codes := map[string]int{}
	var group sync.WaitGroup
	for i := range n {
		id := "c" + strconv.Itoa(i)
		codes[id] = i
		q, j, done := w.request(id, "exit "+strconv.Itoa(i))
		group.Go(func() {
			defer done()
			defer j.close()
			_, pidfd, err := w.Client.Start(w.ctx, q)
			if err != nil {
				t.Errorf("%s: %v", id, err)
				return
			}
			pidfd.Close()
		})
	}
	for range n {
		e := w.event()
		if code, ok := codes[e.ID]; !ok || code != e.Exit.Code {
			t.Fatalf("%s ended as %+v", e.ID, e.Exit)
		}
		delete(codes, e.ID)
	}
	group.Wait()
}

func TestAStartThatWaitsHoldsNobodyUp(t *testing.T) {
	w := newWorld(t)
	r, gate := w.pipe()
	defer r.Close()
	raw, err := r.SyscallConn()
	w.must(err)
	w.must(raw.Control(func(fd uintptr) { _ = syscall.SetNonblock(int(fd), false) }))
	slow := keeper.StartRequest{ID: "slow", Fds: []*os.File{r}, Program: encode(t, &program.Program{
		Clone: program.Clone{Cgroup: -1, PidNS: -1}, Fds: []string{"gate"},
		Steps: []program.Step{
			{Name: "wait", Why: "as a hook would", Call: unix.SYS_READ, Args: [6]program.Arg{program.Fd(0), program.Bytes(make([]byte, 8)), program.Imm(1)}},
			execve("/bin/busybox", nil, "true"),
		},
	})}
	ended := make(chan error, 1)
	go func() {
		_, pidfd, err := w.Client.Start(w.ctx, slow)
		if err == nil {
			pidfd.Close()
		}
		ended <- err
	}()
	w.start("fast", "exit 4")
	if e := w.event(); e.ID != "fast" || e.Exit.Code != 4 {
		t.Fatalf("event %+v", e)
	}
	select {
	case err := <-ended:
		t.Fatalf("the slow start did not wait: %v", err)
	default:
	}
	gate.Close()
	w.must(<-ended)
}

func TestACancelledStartLeavesNoProcess(t *testing.T) {
	w := newWorld(t)
	before := w.descriptors()
	for range 20 {
		ctx, cancel := context.WithCancel(w.ctx)
		q, j, done := w.request("gone", "exec sleep 1000")
		go cancel()
		_, pidfd, err := w.Client.Start(ctx, q)
		done()
		j.close()
		if err == nil { // the answer was faster
			w.must(unix.PidfdSendSignal(int(pidfd.Fd()), unix.SIGKILL, nil, 0))
			pidfd.Close()
			w.until("forget", func() bool { return w.Forget(w.ctx, "gone") == nil })
		} else if !fault.Is(err, fault.Cancelled) {
			t.Fatal(err)
		}
		w.until("no process", func() bool {
			list, err := w.List(w.ctx)
			w.must(err)
			return len(list) == 0
		})
		w.sameDescriptors(before)
	}
}

func TestOrphansAreReapedSilently(t *testing.T) {
	w := newWorld(t)
	j := w.start("parent", `(sleep 0.05; exit 9) >/dev/null 2>&1 & echo $!; exit 1`)
	orphan := strings.TrimSpace(readAll(t, j.stdout))
	if e := w.event(); e.ID != "parent" || e.Exit.Code != 1 {
		t.Fatalf("event %+v", e)
	}
	w.until("the orphan is reaped", func() bool {
		return errors.Is(syscall.Access("/proc/"+orphan, 0), syscall.ENOENT)
	})
	select {
	case e := <-w.Events():
		t.Fatalf("an orphan was told of: %+v", e)
	default:
	}
}

func TestAListOfAnyLengthArrives(t *testing.T) {
	w := newWorld(t)
	const n = 40
	for i := range n {
		q, j, done := w.request("l"+strconv.Itoa(i), "exit 0")
		q.Container = strings.Repeat("x", 3000) // more than one packet's worth together
		q.Spool, q.ExitFile = "", ""
		_, pidfd, err := w.Client.Start(w.ctx, q)
		done()
		j.close()
		w.must(err)
		pidfd.Close()
	}
	list, err := w.List(w.ctx)
	w.must(err)
	if len(list) != n {
		t.Fatalf("%d of %d", len(list), n)
	}
}

func TestTheKeeperLeavesWhenThereIsNothingToKeep(t *testing.T) {
	t.Setenv("BERTH_TEST_LINGER", "20ms")
	w := newWorld(t)
	j := w.start("short", "read line; echo last words; exit 5")
	w.Client.Close()
	time.Sleep(60 * time.Millisecond) // the linger time passes and it stays
	if err := syscall.Kill(w.pid, 0); err != nil {
		t.Fatalf("the keeper left a process alone: %v", err)
	}
	j.stdin.WriteString("x\n")
	w.until("the keeper leaves", func() bool { return syscall.Kill(w.pid, 0) != nil })
	exit, err := keeper.ReadExitFile(filepath.Join(w.root, "short.exit"))
	if err != nil || exit.Code != 5 {
		t.Fatalf("exit %+v, %v", exit, err)
	}
	if text := spooled(t, filepath.Join(w.root, "short.spool"), keeper.SpoolStdout); text != "last words\n" {
		t.Fatalf("spooled %q", text)
	}
	if _, err := os.Stat(filepath.Join(w.root, "keeper.sock")); err == nil {
		t.Fatal("the socket is left")
	}
}

func TestSigtermIsRefusedWhileThereAreProcesses(t *testing.T) {
	w := newWorld(t)
	j := w.start("stays", "read line")
	w.must(syscall.Kill(w.pid, syscall.SIGTERM))
	w.until("a line in the log", func() bool {
		log, _ := os.ReadFile(filepath.Join(w.root, "keeper.log"))
		return strings.Contains(string(log), "processes to keep")
	})
	if list, err := w.List(w.ctx); err != nil || len(list) != 1 {
		t.Fatalf("list %v, %v", list, err)
	}
	j.stdin.WriteString("x\n")
	w.event()
}

func TestASecondDaemonIsTurnedAway(t *testing.T) {
	w := newWorld(t)
	if _, err := keeper.Dial(w.ctx, w.root); !fault.Is(err, fault.Conflict) {
		t.Fatalf("the second got %v", err)
	}
	if _, err := w.List(w.ctx); err != nil {
		t.Fatalf("the first lost its keeper: %v", err)
	}
}

func TestRunningAndUnknownProcessesAreToldApart(t *testing.T) {
	w := newWorld(t)
	w.start("r", "read line")
	if err := w.Forget(w.ctx, "r"); !fault.Is(err, fault.Conflict) {
		t.Errorf("forget of a running one: %v", err)
	}
	if err := w.Forget(w.ctx, "no"); !fault.Is(err, fault.NotFound) {
		t.Errorf("forget of none: %v", err)
	}
	if _, err := w.Adopt(w.ctx, "no"); !fault.Is(err, fault.NotFound) {
		t.Errorf("adopt of none: %v", err)
	}
	q, j, done := w.request("r", "exit")
	defer done()
	defer j.close()
	if _, _, err := w.Client.Start(w.ctx, q); !fault.Is(err, fault.Conflict) {
		t.Errorf("second start under an ID: %v", err)
	}
}

// spooled is what a spool file holds of one stream.
func spooled(t testing.TB, path string, stream byte) string {
	t.Helper()
	var b strings.Builder
	err := keeper.ReadSpool(path, func(s byte, _ time.Time, data []byte) error {
		if s == stream {
			b.Write(data)
		}
		return nil
	})
	if err != nil {
		t.Fatal(fmt.Errorf("%s: %w", path, err))
	}
	return b.String()
}

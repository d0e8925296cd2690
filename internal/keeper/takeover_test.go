//go:build linux

package keeper_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/keeper"
)

// counter writes numbered lines, some in big pieces.
const counter = `i=0; while [ $i -lt 6000 ]; do echo "line $i"; i=$((i+1)); [ $((i%500)) = 0 ] && sleep 0.01; done`

func counted() string {
	var b strings.Builder
	for i := range 6000 {
		fmt.Fprintf(&b, "line %d\n", i)
	}
	return b.String()
}

// adopt takes the spool in, removes it, and returns the stream to read on.
func (w *world) adopt(id, stream string, into *bytes.Buffer) *keeper.Adopted {
	w.Helper()
	a, err := w.Adopt(w.ctx, id)
	w.must(err)
	if a.Process.Spool != "" {
		w.must(keeper.ReadSpool(a.Process.Spool, func(s byte, _ time.Time, data []byte) error {
			into.Write(data)
			return nil
		}))
		w.must(os.Remove(a.Process.Spool))
	}
	for _, h := range a.Held {
		if h.Name != stream {
			continue
		}
		_ = h.File.SetReadDeadline(time.Now().Add(time.Duration(rand.IntN(4)) * time.Millisecond))
		if _, err := io.Copy(into, h.File); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			w.Fatal(err)
		}
	}
	return a
}

func (w *world) reconnect() {
	w.Helper()
	w.Client.Close()
	w.connect()
	if w.Client.Pid() != w.pid {
		w.Fatal("this is another keeper")
	}
}

// countsToTheEnd reads what is left of the counter's output, and wants all of it in its order.
func (w *world) countsToTheEnd(got *bytes.Buffer) {
	w.Helper()
	w.reconnect()
	w.until("the end of the stream", func() bool {
		a := w.adopt("count", keeper.StreamStdout, got)
		defer a.Close()
		return got.Len() >= len(counted())
	})
	if got.String() != counted() {
		w.Fatalf("%d bytes of %d, or out of order", got.Len(), len(counted()))
	}
}

func TestOutputIsTakenOverWithoutGapRepeatOrDisorder(t *testing.T) {
	w := newWorld(t)
	j := w.start("count", counter)
	w.start("other", `while echo noise; do sleep 0.001; done`) // somebody else is drained beside it
	var got bytes.Buffer
	j.stdout.Close()
	// The daemon that started it never read: its copies are gone with it.
	for ended := false; !ended; {
		w.reconnect()
		if rand.IntN(3) == 0 {
			continue // came and went without adopting
		}
		time.Sleep(time.Duration(rand.IntN(3)) * time.Millisecond)
		a := w.adopt("count", keeper.StreamStdout, &got)
		ended = a.Process.Exit != nil
		a.Close()
	}
	w.countsToTheEnd(&got)
}

func TestATerminalIsDrainedAndHandedBack(t *testing.T) {
	w := newWorld(t)
	master, slave := openPty(t)
	defer master.Close()
	q := keeper.StartRequest{
		ID: "tty", Program: sh(t, "stty -onlcr; read a; echo got $a; read b; echo got $b"), Fds: []*os.File{slave, slave, slave},
		Spool: filepath.Join(w.root, "tty.spool"), Held: []keeper.Held{{Name: keeper.StreamPty, File: master}},
	}
	_, pidfd, err := w.Client.Start(w.ctx, q)
	w.must(err)
	pidfd.Close()
	slave.Close()
	w.Client.Close()
	if _, err := master.WriteString("one\n"); err != nil {
		t.Fatal(err)
	}
	w.until("the spool holds the answer", func() bool {
		_, err := os.Stat(q.Spool)
		return err == nil && strings.Contains(spooled(t, q.Spool, keeper.SpoolPty), "got one")
	})
	w.connect()
	a, err := w.Adopt(w.ctx, "tty")
	w.must(err)
	defer a.Close()
	if len(a.Held) != 1 || a.Held[0].Name != keeper.StreamPty {
		t.Fatalf("held %+v", a.Held)
	}
	if _, err := a.Held[0].File.WriteString("two\n"); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(a.Held[0].File)
	if !errors.Is(err, syscall.EIO) || !bytes.Contains(rest, []byte("got two")) || bytes.Contains(rest, []byte("got one")) {
		t.Fatalf("read %q, %v", rest, err)
	}
	if e := w.event(); e.ID != "tty" || e.Exit.Code != 0 {
		t.Fatalf("event %+v", e)
	}
}

func openPty(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	var n int
	raw, err := master.SyscallConn()
	if err == nil {
		_ = raw.Control(func(fd uintptr) {
			if err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err == nil {
				n, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
			}
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open("/dev/pts/"+strconv.Itoa(n), unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return master, os.NewFile(uintptr(fd), "slave")
}

// daemonMain is a daemon in a process of its own: it starts one program and
// waits to be killed.
func daemonMain(root string) {
	ctx := context.Background()
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	c, err := keeper.Ensure(ctx, root, "/proc/self/exe")
	fail(err)
	r0, w0, err := os.Pipe()
	fail(err)
	r1, w1, err := os.Pipe()
	fail(err)
	for _, f := range []*os.File{r0, w1} {
		raw, _ := f.SyscallConn()
		_ = raw.Control(func(fd uintptr) { _ = syscall.SetNonblock(int(fd), false) })
	}
	script, err := os.ReadFile(filepath.Join(root, "program"))
	fail(err)
	_, _, err = c.Start(ctx, keeper.StartRequest{
		ID: "survivor", Program: script, Fds: []*os.File{r0, w1, w1},
		Spool: filepath.Join(root, "s.spool"), ExitFile: filepath.Join(root, "s.exit"),
		Held: []keeper.Held{{Name: keeper.StreamStdin, File: w0}, {Name: keeper.StreamStdout, File: r1}},
	})
	fail(err)
	w1.Close()
	fmt.Println(c.Pid())
	line := make([]byte, 6)
	_, err = io.ReadFull(r1, line)
	fail(err)
	fmt.Printf("%s\n", strings.TrimSpace(string(line)))
	select {}
}

func TestProcessesOutliveADaemonKilledWithItsWholeGroup(t *testing.T) {
	w := &world{TB: t, root: t.TempDir()}
	if os.Geteuid() != 0 {
		t.Skip("the keeper answers only to root")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
	t.Cleanup(cancel)
	w.ctx = ctx
	code := sh(t, "echo first; read go; echo second; exit 7")
	w.must(os.WriteFile(filepath.Join(w.root, "program"), code, 0o600))
	d := exec.Command("/proc/self/exe", "daemon", w.root)
	d.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	d.Stderr = os.Stderr
	out, err := d.StdoutPipe()
	w.must(err)
	w.must(d.Start())
	var word string
	_, err = fmt.Fscan(out, &w.pid, &word)
	if err != nil || word != "first" {
		t.Fatalf("the daemon said %q, %v", word, err)
	}
	w.must(syscall.Kill(-d.Process.Pid, syscall.SIGKILL))
	_ = d.Wait() // it was killed

	w.connect()
	t.Cleanup(w.end)
	if w.Client.Pid() != w.pid {
		t.Fatal("the keeper did not survive")
	}
	list, err := w.List(w.ctx)
	w.must(err)
	if len(list) != 1 || list[0].ID != "survivor" || list[0].Exit != nil {
		t.Fatalf("list %+v", list)
	}
	a, err := w.Adopt(w.ctx, "survivor")
	w.must(err)
	defer a.Close()
	for _, h := range a.Held {
		if h.Name == keeper.StreamStdin {
			_, err = h.File.WriteString("go\n")
			w.must(err)
		}
	}
	for _, h := range a.Held {
		if h.Name == keeper.StreamStdout {
			if text := readAll(t, h.File); text != "second\n" {
				t.Fatalf("read %q", text)
			}
		}
	}
	if e := w.event(); e.Exit.Code != 7 {
		t.Fatalf("event %+v", e)
	}
	fds := []unix.PollFd{{Fd: int32(a.Pidfd.Fd()), Events: unix.POLLIN}}
	if n, err := unix.Poll(fds, int(patience.Milliseconds())); n != 1 || err != nil {
		t.Fatalf("the pidfd says nothing: %d, %v", n, err)
	}
}

func TestOutputThatCannotBeSpooledWaits(t *testing.T) {
	w := newWorld(t)
	q, j, done := w.request("stuck", "head -c 300000 /dev/zero; exit 6")
	for _, f := range q.Fds {
		raw, _ := f.SyscallConn()
		_ = raw.Control(func(fd uintptr) { _ = syscall.SetNonblock(int(fd), false) })
	}
	dir := filepath.Join(w.root, "later")
	q.Spool = filepath.Join(dir, "spool")
	_, pidfd, err := w.Client.Start(w.ctx, q)
	done()
	w.must(err)
	pidfd.Close()
	j.close()
	w.Client.Close()
	w.until("the keeper complains", func() bool {
		log, _ := os.ReadFile(filepath.Join(w.root, "keeper.log"))
		return strings.Contains(string(log), "waits for its spool")
	})
	w.must(os.Mkdir(dir, 0o700))
	w.until("everything is spooled", func() bool {
		return len(spooled(t, q.Spool, keeper.SpoolStdout)) == 300000
	})
	w.until("the exit is recorded", func() bool {
		exit, err := keeper.ReadExitFile(filepath.Join(w.root, "stuck.exit"))
		return err == nil && exit.Code == 6
	})
	w.connect()
}

func TestAFullSpoolHoldsTheProgramBackAndLosesNothing(t *testing.T) {
	w := newWorld(t)
	const size, limit = 130 << 20, 128 << 20
	j := w.start("flood", "head -c "+strconv.Itoa(size)+" /dev/zero")
	j.close()
	w.Client.Close()
	w.until("the spool is full", func() bool {
		log, _ := os.ReadFile(filepath.Join(w.root, "keeper.log"))
		return strings.Contains(string(log), "is full")
	})
	if info, err := os.Stat(filepath.Join(w.root, "flood.spool")); err != nil || info.Size() > limit {
		t.Fatalf("the spool is %v, %v", info, err)
	}
	w.connect()
	a, err := w.Adopt(w.ctx, "flood")
	w.must(err)
	defer a.Close()
	total := int64(0)
	w.must(keeper.ReadSpool(a.Process.Spool, func(_ byte, _ time.Time, data []byte) error {
		total += int64(len(data))
		return nil
	}))
	for _, h := range a.Held {
		if h.Name == keeper.StreamStdout {
			n, err := io.Copy(io.Discard, h.File)
			w.must(err)
			total += n
		}
	}
	if total != size {
		t.Fatalf("%d of %d bytes", total, size)
	}
	w.event()
}

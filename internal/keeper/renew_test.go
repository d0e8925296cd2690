//go:build linux

package keeper_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"berth/internal/fault"
	"berth/internal/keeper"
)

// renew has the keeper execute its own binary once more.
func (w *world) renew() {
	w.Helper()
	w.must(w.Renew(w.ctx, w.binary()))
}

// binary is what the keeper runs, by a name that is not this process's own.
func (w *world) binary() string {
	w.Helper()
	self, err := os.Executable()
	w.must(err)
	return self
}

// commandLine tells one life of the keeper from another.
func (w *world) commandLine() string {
	w.Helper()
	b, err := os.ReadFile("/proc/" + strconv.Itoa(w.pid) + "/cmdline")
	w.must(err)
	return strings.ReplaceAll(string(b), "\x00", " ")
}

func TestARenewedKeeperKeepsItsProcessesAndItsConnection(t *testing.T) {
	w := newWorld(t)
	before := w.descriptors()
	j := w.start("one", `read line; echo "got $line"; exit 7`)
	w.renew()
	if line := w.commandLine(); !strings.Contains(line, keeper.RenewFlag) {
		t.Fatalf("the keeper that answers was not executed anew: %q", line)
	}
	w.renew() // and once more, from a renewed one
	if n := strings.Count(w.commandLine(), keeper.RenewFlag); n != 1 {
		t.Errorf("the flag is in the command line %d times", n)
	}
	if ppid := parentOf(t, j.Pid); ppid != w.pid {
		t.Errorf("the process is a child of %d, and the keeper is %d", ppid, w.pid)
	}
	w.start("two", "exit 3") // it still starts what it is asked to
	if e := w.event(); e.ID != "two" || e.Exit.Code != 3 {
		t.Errorf("the event of what was started afterwards is %+v", e)
	}
	_, err := j.stdin.WriteString("hello\n")
	w.must(err)
	if e := w.event(); e.ID != "one" || e.Exit.Code != 7 {
		t.Errorf("the event is %+v", e)
	}
	exit, err := keeper.ReadExitFile(filepath.Join(w.root, "one.exit"))
	if err != nil || exit.Code != 7 {
		t.Errorf("the exit file says %+v, %v", exit, err)
	}
	w.must(w.Forget(w.ctx, "one"))
	w.must(w.Forget(w.ctx, "two"))
	if got := readAll(t, j.stdout); got != "got hello\n" {
		t.Errorf("the output is %q", got)
	}
	w.sameDescriptors(before)
}

func parentOf(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+2:]))
	ppid, err := strconv.Atoi(fields[1])
	if err != nil {
		t.Fatal(err)
	}
	return ppid
}

func TestExitsDuringARenewalAreNotLost(t *testing.T) {
	w := newWorld(t)
	const many = 40
	for i := range many {
		w.start("p"+strconv.Itoa(i), "sleep 0."+strconv.Itoa(i%5)+"; exit "+strconv.Itoa(i))
	}
	for range 12 {
		w.renew()
	}
	codes := map[string]int{}
	for len(codes) < many {
		e := w.event()
		codes[e.ID] = e.Exit.Code
	}
	for i := range many {
		if codes["p"+strconv.Itoa(i)] != i {
			t.Errorf("process %d ended with %d", i, codes["p"+strconv.Itoa(i)])
		}
	}
}

func TestOutputIsWholeAcrossRenewals(t *testing.T) {
	w := newWorld(t)
	j := w.start("count", counter)
	j.stdout.Close()
	var got bytes.Buffer
	for ended := false; !ended; {
		w.reconnect() // the keeper drains in between
		time.Sleep(time.Millisecond)
		w.renew()
		a := w.adopt("count", keeper.StreamStdout, &got)
		w.renew() // the daemon reads
		ended = a.Process.Exit != nil
		a.Close()
	}
	w.countsToTheEnd(&got)
}

func TestARenewalThatCannotBeLeavesTheKeeperAsItWas(t *testing.T) {
	w := newWorld(t)
	w.start("one", "sleep 1000")
	dir := t.TempDir()
	no := filepath.Join(dir, "no")
	w.must(os.WriteFile(no, []byte("#!/bin/sh\nexit 1\n"), 0o755))
	if err := w.Renew(w.ctx, no); !fault.Is(err, fault.Unsupported) {
		t.Errorf("a binary that cannot take over: %v", err)
	}
	// One that says that it can, and then cannot be executed by the keeper.
	broken := filepath.Join(dir, "broken")
	w.must(os.WriteFile(broken, []byte("#!/bin/sh\nrm -f "+broken+"\nexit 0\n"), 0o755))
	if err := w.Renew(w.ctx, broken); err == nil {
		t.Error("a binary that is gone was executed")
	}
	if err := w.Renew(w.ctx, filepath.Join(dir, "missing")); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a binary that is not there: %v", err)
	}
	list, err := w.List(w.ctx)
	w.must(err)
	if len(list) != 1 || list[0].Exit != nil {
		t.Errorf("the keeper has %+v", list)
	}
	fds := w.descriptors()
	w.start("two", `ls /proc/self/fd | wc -l > `+filepath.Join(w.root, "open"))
	w.event()
	b, err := os.ReadFile(filepath.Join(w.root, "open"))
	w.must(err)
	if n := strings.TrimSpace(string(b)); n != "4" { // three, and that of the directory
		t.Errorf("a process has %s descriptors after a failed renewal; the keeper has %v", n, fds)
	}
}

func TestADaemonThatGoesDuringARenewalLosesNothing(t *testing.T) {
	w := newWorld(t)
	w.start("one", "while echo x; do sleep 0.01; done")
	w.renew()
	w.Client.Close()
	w.until("the keeper drains", func() bool {
		info, err := os.Stat(filepath.Join(w.root, "one.spool"))
		return err == nil && info.Size() > 0
	})
	w.connect()
	if w.Client.Pid() != w.pid {
		t.Fatal("this is another keeper")
	}
	_ = syscall.Kill(w.processes()[0].Pid, syscall.SIGKILL)
	w.until("its end", func() bool { return w.processes()[0].Exit != nil })
}

func (w *world) processes() []keeper.Process {
	w.Helper()
	list, err := w.List(w.ctx)
	w.must(err)
	return list
}

func TestAFileThatReplacesTheKeepersBinaryMakesItOutdated(t *testing.T) {
	w := newWorld(t)
	self := w.binary()
	if w.Outdated(self) {
		t.Error("the keeper's own binary is another one")
	}
	other := filepath.Join(t.TempDir(), "keeper")
	from, err := os.Open(self)
	w.must(err)
	defer from.Close()
	to, err := os.OpenFile(other, os.O_WRONLY|os.O_CREATE, 0o755)
	w.must(err)
	_, err = io.Copy(to, from)
	w.must(err)
	w.must(to.Close())
	if !w.Outdated(other) {
		t.Error("a copy is the same file")
	}
	w.must(w.Renew(w.ctx, other))
	if w.Outdated(other) || !w.Outdated(self) {
		t.Error("the renewed keeper runs the old binary")
	}
	if w.Outdated(filepath.Join(t.TempDir(), "missing")) {
		t.Error("a binary that is not there replaces nothing")
	}
	if !slices.Contains(strings.Fields(w.commandLine()), "--root") {
		t.Errorf("the command line is %q", w.commandLine())
	}
}

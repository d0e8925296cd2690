//go:build linux

package keeper_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"berth/internal/keeper"
)

// delegated starts what a runtime that is a script leaves behind.
func (w *world) delegated(id, script string) (keeper.Process, *os.File, error) {
	w.Helper()
	q, j, done := w.request(id, script)
	q.Pidfile = filepath.Join(w.root, id+".pid")
	w.Cleanup(j.close)
	p, pidfd, err := w.Client.Start(w.ctx, q)
	done()
	if pidfd != nil {
		w.Cleanup(func() { pidfd.Close() })
	}
	return p, pidfd, err
}

func TestTheProcessThatARuntimeLeavesBehindIsKept(t *testing.T) {
	w := newWorld(t)
	before := w.descriptors()
	p, pidfd, err := w.delegated("one", "sleep 1000 & echo $! > "+w.root+"/one.pid")
	w.must(err)
	if list, _ := w.List(w.ctx); len(list) != 1 || list[0].Pid != p.Pid || list[0].Exit != nil {
		t.Errorf("the keeper has %+v, not process %d", list, p.Pid)
	}
	w.until("it is what the runtime left behind", func() bool {
		text, _ := os.ReadFile("/proc/" + strings.TrimSpace(read(t, w.root+"/one.pid")) + "/cmdline")
		return strings.HasPrefix(string(text), "sleep")
	})
	// A descriptor that comes later is handed back with the rest.
	r, wr := w.pipe()
	w.must(w.Hold(w.ctx, "one", keeper.Held{Name: "later", File: r}))
	r.Close()
	wr.Close()
	a, err := w.Adopt(w.ctx, "one")
	w.must(err)
	if last := a.Held[len(a.Held)-1]; last.Name != "later" {
		t.Errorf("the last held descriptor is %s", last.Name)
	}
	a.Close()
	w.must(unix.PidfdSendSignal(int(pidfd.Fd()), unix.SIGTERM, nil, 0))
	if e := w.event(); e.ID != "one" || e.Exit.Signal != int(syscall.SIGTERM) {
		t.Errorf("the event is %+v", e)
	}
	w.must(w.Forget(w.ctx, "one"))
	w.sameDescriptors(before)
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestARuntimeThatFailsLeavesNoRecord(t *testing.T) {
	w := newWorld(t)
	before := w.descriptors()
	other := w.start("other", "sleep 1000")
	for script, says := range map[string]string{
		"exit 3":         "status 3",
		"kill -9 $$":     "signal 9",
		"true":           "left no process ID",
		"echo x > %":     "instead of a process ID",
		"echo 1 > %":     "instead of a process ID",
		"echo $PPID > %": "no child of the keeper",
		"echo " + strconv.Itoa(other.Pid) + " > %": "another's",
		"(echo 4194304) > %":                       "no child of the keeper",
		"sleep 0 & p=$!; wait; echo $p > %":        "no child of the keeper",
	} {
		os.Remove(w.root + "/x.pid")
		_, _, err := w.delegated("x", strings.ReplaceAll(script, "%", w.root+"/x.pid"))
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, not %q", script, err, says)
		}
	}
	if list, _ := w.List(w.ctx); len(list) != 1 {
		t.Errorf("the keeper has %+v", list)
	}
	w.must(unix.PidfdSendSignal(int(other.pidfd.Fd()), unix.SIGKILL, nil, 0))
	w.event()
	w.must(w.Forget(w.ctx, "other"))
	w.until("the keeper is as before", func() bool { return len(w.descriptors()) <= len(before) })
}

func TestARuntimesProcessThatEndsAtOnceIsNotLost(t *testing.T) {
	w := newWorld(t)
	for range 20 {
		os.Remove(w.root + "/quick.pid")
		_, _, err := w.delegated("quick", "sh -c 'usleep 3000; exit 9' & echo $! > "+w.root+"/quick.pid") // a shell would reap what ends before it
		w.must(err)
		if e := w.event(); e.Exit.Code != 9 {
			t.Errorf("the event is %+v", e)
		}
		w.until("it is forgotten", func() bool { return w.Forget(w.ctx, "quick") == nil })
	}
}

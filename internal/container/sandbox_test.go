package container

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"berth/internal/container/config"
	"berth/internal/fault"
)

// newWarmEngine is an engine in which two sandboxes wait.
func newWarmEngine(t *testing.T) *engine {
	e := newEngine(t)
	e.shutDown()
	e.warm = 2
	e.boot()
	id := e.create("exit 0", onBridge)
	e.start(id)
	e.wait(id, WaitNotRunning)
	return e
}

func onBridge(r *config.CreateRequest) { r.HostConfig.NetworkMode = "bridge" }

// box is the process of the sandbox that a container has which was just created,
// once the start has been got ready.
func (e *engine) box(id string) (pid int) {
	e.t.Helper()
	e.eventually("a start has been got ready", func() error {
		for _, b := range e.host.Warmth().Waiting() {
			if b.ID == id && b.Ready {
				pid = b.Pid
				return nil
			}
		}
		return fmt.Errorf("%+v wait, and none for %s", e.host.Warmth().Waiting(), id)
	})
	return pid
}

func (e *engine) sandboxesWait() {
	e.t.Helper()
	e.eventually("sandboxes wait", func() error {
		if n, _ := Waiting(e.Service); n < 2 {
			return fmt.Errorf("%d wait", n)
		}
		return nil
	})
}

func TestWhatHasChangedSinceAStartWasGotReadyIsSeen(t *testing.T) {
	e := newWarmEngine(t)
	for _, server := range []string{"9.9.9.9", "1.1.1.1"} {
		e.sandboxesWait()
		id := e.create("cat /etc/resolv.conf; sleep 1000", onBridge)
		pid := e.box(id)
		e.net.mu.Lock()
		e.net.server = server
		e.net.mu.Unlock()
		e.start(id)
		if c, err := e.Get(id); err != nil || c.Run.Pid != pid {
			t.Errorf("process %d runs (%v), and %d was the sandbox's", c.Run.Pid, err, pid)
		}
		e.eventually("its log", func() error {
			if got := e.logs(id); !strings.Contains(got, "nameserver "+server+"\n") {
				return fmt.Errorf("it has %q", got)
			}
			return nil
		})
	}
}

func TestABindsSourceIsTheOneThatIsThereAtTheStart(t *testing.T) {
	e := newWarmEngine(t)
	e.sandboxesWait()
	source := e.dir + "/source"
	place := func(text string) {
		e.must(os.Mkdir(source, 0o755))
		e.must(os.WriteFile(source+"/file", []byte(text), 0o644))
	}
	place("as created\n")
	id := e.create("cat /x/file", onBridge, func(r *config.CreateRequest) {
		r.HostConfig.Mounts = []config.Mount{{Type: "bind", Source: source, Target: "/x"}}
	})
	e.box(id)
	e.must(os.Rename(source, source+".old"))
	place("as started\n")
	e.start(id)
	e.logged(id, "as started\n")
	e.sandboxesWait()
	id = e.create("cat /x/file", onBridge, func(r *config.CreateRequest) {
		r.HostConfig.Mounts = []config.Mount{{Type: "bind", Source: source, Target: "/x"}}
	})
	e.box(id)
	e.must(os.RemoveAll(source))
	if err := e.Start(context.Background(), id); err == nil || !strings.Contains(err.Error(), source) {
		t.Errorf("a source that is gone: %v", err)
	}
}

func TestAContainerWithoutAnAddressHasThatOfASandbox(t *testing.T) {
	e := newWarmEngine(t)
	e.sandboxesWait()
	aside := e.create("sleep 1000", onBridge)
	e.box(aside) // and another waits for nobody
	e.net.mu.Lock()
	e.net.full = true
	e.net.mu.Unlock()
	started := 0
	for end := false; !end; {
		id := e.create("sleep 1000", onBridge, func(r *config.CreateRequest) { r.HostConfig.Privileged = true })
		err := e.Start(context.Background(), id)
		switch end = err != nil || started == 10; {
		case err == nil:
			started++
		case !fault.Is(err, fault.Unavailable):
			t.Error(err)
		}
		if n, _ := Waiting(e.Service); end && n > 0 || started == 10 {
			t.Errorf("%d sandboxes wait, and %d containers have started; then: %v", n, started, err)
		}
	}
	if started < 2 {
		t.Errorf("%d containers have started, and two sandboxes waited", started)
	}
	e.net.mu.Lock()
	e.net.full = false
	e.net.mu.Unlock()
	e.start(aside) // without its sandbox
}

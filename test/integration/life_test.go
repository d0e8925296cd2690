//go:build linux

package integration

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"berth/test/harness"
)

// state is a container's status, and its exit code when it has one.
func state(c harness.Client, name string) string {
	return c.Must("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name)
}

// becomes waits for a container's state.
func becomes(t *testing.T, c harness.Client, name, want string) {
	t.Helper()
	harness.Eventually(t, name, func() error {
		if got := state(c, name); got != want {
			return fmt.Errorf("it is %q, and should become %q", got, want)
		}
		return nil
	})
}

func TestAContainerGoesThroughItsLife(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		name := "life-" + c.Name
		id := c.Must("create", "--name", name, busybox, "sh", "-c", "trap 'exit 9' TERM; echo up; while :; do sleep 0.1; done")
		if len(id) != 64 {
			t.Errorf("create printed %q", id)
		}
		c.Prints("created 0", "inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name)
		c.Prints(name, "start", name)
		c.Prints("running 0", "inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name)
		c.Prints(name, "start", name) // once more changes nothing
		c.Fails(1, "container is running: stop the container before removing or force remove", "rm", name)
		harness.Eventually(t, "its trap is set", func() error {
			if got := c.Must("logs", name); got != "up" {
				return fmt.Errorf("its log is %q", got)
			}
			return nil
		})
		c.Prints(name, "stop", name)
		c.Prints("exited 9", "inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name)
		c.Prints(name, "stop", name)
		c.Prints("9", "wait", name)
		c.Prints(name, "start", name)
		c.Prints(name, "kill", name)
		becomes(t, c, name, "exited 137")
		c.Fails(1, "is not running", "kill", name)
		c.Prints(name, "start", name)
		c.Prints(name, "stop", "-t", "0", "-s", "WINCH", name) // which it ignores: killed
		c.Prints("exited 137", "inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name)
		c.Prints(name, "start", name)
		c.Prints(name, "rm", "-f", name)
		c.Fails(1, "No such container: "+name, "start", name)
		c.Prints("", "ps", "-aq")
	})
}

func TestAContainerIsFoundByItsNameItsIDAndTheBeginningOfIt(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		id := c.Must("create", "--name", "found-"+c.Name, "berth/hello")
		for _, ref := range []string{"found-" + c.Name, id, id[:12], id[:5]} {
			c.Prints(id, "inspect", "-f", "{{.Id}}", ref)
		}
		c.Fails(1, "", "inspect", "no-such-container")
		c.Must("rm", id)
	})
}

func TestStartAttachesAndPassesTheExitCodeOn(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		id := c.Must("create", "-i", busybox, "sh", "-c", "cat; exit 4")
		for range 2 {
			r := c.In(strings.NewReader("again\n")).Run("start", "-ai", id)
			if r != (harness.Result{Stdout: "again\n", Code: 4}) {
				t.Errorf("got %+v", r)
			}
		}
		c.Must("rm", id)
	})
}

func TestAttachSeesWhatComesAndPassesTheExitCodeOn(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		name := "attach-" + c.Name
		c.Must("run", "-di", "--name", name, busybox, "sh", "-c", "while read x; do echo got $x; [ $x = end ] && exit 6; done")
		p := c.Begin("attach", name)
		send(t, p, "one\n")
		p.Await("got one")
		send(t, p, "end\n")
		if r := p.Ends(); r.Code != 6 || r.Stdout != "got one\ngot end\n" {
			t.Errorf("got %+v", r)
		}
		c.Fails(1, "", "attach", name)
		c.Must("rm", name)
	})
}

func send(t *testing.T, p *harness.Process, text string) {
	t.Helper()
	if _, err := p.Stdin.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

func TestExecRunsFurtherProcesses(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		name := "exec-" + c.Name
		c.Must("run", "-d", "--name", name, "-e", "OF=container", busybox, "sleep", "1000")
		c.Prints("container", "exec", name, "sh", "-c", "echo $OF")
		c.Prints("33 /tmp mine", "exec", "-u", "www", "-w", "/tmp", "-e", "OF=mine", name, "sh", "-c", "echo $(id -u) $(pwd) $OF")
		r := c.In(strings.NewReader("in")).Run("exec", "-i", name, "sh", "-c", "cat; echo err >&2; exit 11")
		if r != (harness.Result{Stdout: "in", Stderr: "err\n", Code: 11}) {
			t.Errorf("got %+v", r)
		}
		c.Prints("00000000a80425fb 2", "exec", name, "sh", "-c", "grep -E '^(CapEff|Seccomp):' /proc/self/status | cut -f2 | xargs echo")
		c.Prints("", "exec", "-d", name, "sh", "-c", "echo done > /marker")
		harness.Eventually(t, "the detached exec", func() error {
			if r := c.Run("exec", name, "cat", "/marker"); r.Stdout != "done\n" {
				return errors.New(r.Stderr)
			}
			return nil
		})
		c.Fails(127, "no-such-program", "exec", name, "no-such-program")
		c.Fails(126, "permission denied", "exec", name, "/etc/passwd")
		c.Fails(128+9, "", "exec", name, "sh", "-c", "kill -9 $$")
		// The container's processes are seen, and those of the host are not.
		c.Prints("1", "exec", name, "sh", "-c", "cat /proc/1/cmdline | grep -c sleep")
		c.Must("rm", "-f", name)
		c.Fails(1, "No such container", "exec", name, "true")
		stopped := c.Must("create", busybox)
		c.Fails(1, "is not running", "exec", stopped, "true")
		c.Must("rm", stopped)
	})
}

func TestWaitKnowsItsConditions(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		one := c.Must("run", "-di", busybox, "sh", "-c", "read x; exit 3")
		two := c.Must("run", "-d", busybox, "sh", "-c", "exit 4")
		waiting := c.Begin("wait", one, two)
		p := c.Begin("attach", one)
		send(t, p, "\n")
		if r := waiting.Ends(); r.Stdout != "3\n4\n" || r.Code != 0 {
			t.Errorf("got %+v", r)
		}
		c.Must("rm", one, two)
		c.Fails(1, "No such container", "wait", one)
	})
}

func TestRmTakesAnonymousVolumesAlongWhenAsked(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	volumes := func() []string {
		return slices.DeleteFunc(names(t, d.DataRoot()+"/volumes"), func(name string) bool { return name[0] == '.' })
	}
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		before := len(volumes())
		c.Must("run", "--rm", "-v", "/anonymous", busybox, "touch", "/anonymous/file")
		id := c.Must("create", "-v", "/anonymous", busybox)
		c.Must("rm", "-v", id)
		harness.Eventually(t, "the anonymous volumes go", func() error {
			if now := volumes(); len(now) != before {
				return fmt.Errorf("there are %v", now)
			}
			return nil
		})
		c.Must("run", "--rm", "-v", "named-"+c.Name+":/v", busybox, "true")
		if now := volumes(); len(now) != before+1 {
			t.Errorf("the named volume is not kept: %v", now)
		}
	})
}

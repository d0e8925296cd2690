//go:build linux

package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"berth/test/harness"
)

// The tests here are sentences about Docker's behaviour, tried with both clients.

func TestPidsLimit0OrBelowMeansUnlimitedOnCreateAndUpdate(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		name := "pids-" + c.Name
		c.Must("run", "-d", "--name", name, "--pids-limit", "-1", busybox, "sleep", "1000")
		limit := func() uint64 {
			var s stats
			if err := json.Unmarshal([]byte(d.Ask(t, "GET", "/containers/"+name+"/stats?stream=0&one-shot=1", "").Body), &s); err != nil {
				t.Fatal(err)
			}
			return s.Pids.Limit
		}
		if n := limit(); n != 0 {
			t.Errorf("created with -1: %d", n)
		}
		for _, step := range []struct {
			word string
			want uint64
		}{{"20", 20}, {"-1", 0}, {"30", 30}, {"0", 0}} {
			if step.word == "0" { // which the clients take for no word at all
				d.Ask(t, "POST", "/containers/"+name+"/update", `{"PidsLimit":0}`)
			} else {
				c.Must("update", "--pids-limit", step.word, name)
			}
			if n := limit(); n != step.want {
				t.Errorf("updated with %s: %d", step.word, n)
			}
		}
	})
}

func TestUpdateChangesLimitsOnTheFlyAndRefusesWhatContradicts(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		name := "limits-" + c.Name
		c.Must("run", "-d", "--name", name, "-m", "64m", busybox, "sleep", "1000")
		c.Must("run", "-d", "--rm", "--name", "brief-"+c.Name, busybox, "sleep", "1000")
		c.Must("update", "-m", "32m", name)
		var s stats
		if err := json.Unmarshal([]byte(d.Ask(t, "GET", "/containers/"+name+"/stats?stream=0&one-shot=1", "").Body), &s); err != nil || s.Memory.Limit != 32<<20 {
			t.Errorf("%+v, %v", s.Memory, err)
		}
		c.Fails(1, "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time", "update", "-m", "256m", name)
		c.Must("update", "-m", "256m", "--memory-swap", "512m", name)
		c.Fails(1, "Restart policy cannot be updated because AutoRemove is enabled for the container", "update", "--restart", "always", "brief-"+c.Name)
		c.Must("update", "--restart", "on-failure:4", name)
		c.Prints("268435456 536870912 on-failure 4", "inspect", "-f", "{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}", name)
	})
}

func TestARestartPolicyThatIsUpdatedHoldsAtOnce(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		name := "again-" + c.Name
		c.Must("run", "-d", "--name", name, busybox, "sh", "-c", "echo run; sleep 1000")
		c.Must("update", "--restart", "always", name)
		pid := c.Must("inspect", "-f", "{{.State.Pid}}", name)
		kill(t, pid)
		harness.Eventually(t, "another run", func() error {
			if now := c.Must("inspect", "-f", "{{.State.Pid}} {{.RestartCount}}", name); strings.HasPrefix(now, pid+" ") || strings.HasPrefix(now, "0 ") {
				return fmt.Errorf("it is %s", now)
			}
			return nil
		})
		c.Must("update", "--restart", "no", name)
		pid = c.Must("inspect", "-f", "{{.State.Pid}}", name)
		kill(t, pid)
		if code := c.Must("wait", name); code != "137" {
			t.Errorf("exit code %s", code)
		}
		if state := c.Must("inspect", "-f", "{{.State.Status}}", name); state != "exited" {
			t.Errorf("it is %s", state)
		}
	})
}

func TestAProcessStartedByExecGoesOnWhenTheClientConnectionGoesAway(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	c := d.Client(t, "docker")
	c.Must("run", "-d", "--name", "up", d.Busybox(), "sleep", "1000")
	id, _ := execIn(t, d, "up", `{"Cmd":["sh","-c","echo begun; cat; sleep 0.2; echo through > /tmp/end"],"AttachStdin":true,"AttachStdout":true}`)
	conn, err := new(net.Dialer).DialContext(context.Background(), "unix", d.Socket())
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(harness.Patience)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST /exec/%s/start HTTP/1.1\r\nHost: b\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n{}", id)
	untilText(t, conn, "begun")
	conn.Close()
	harness.Eventually(t, "its end", func() error {
		if r := c.Run("exec", "up", "cat", "/tmp/end"); r.Stdout != "through\n" {
			return fmt.Errorf("%q %q", r.Stdout, r.Stderr)
		}
		return nil
	})
}

func TestExecTakesTheContainersEnvironmentAndWhatIsGivenToIt(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		name := "env-" + c.Name
		c.Must("run", "-d", "--name", name, "-e", "A=1", "-e", "B=2", "-u", "33", "-w", "/tmp", busybox, "sleep", "1000")
		c.Prints("1 3 4 33 /tmp", "exec", "-e", "B=3", "-e", "C=4", name, "sh", "-c", "echo $A $B $C $(id -u) $PWD")
		c.Prints("0 44 /root", "exec", "-u", "root:44", "-w", "/root", name, "sh", "-c", "echo $(id -u) $(id -g) $PWD")
		c.Fails(126, "unable to find user nobody-here", "exec", "-u", "nobody-here", name, "true")
		c.Fails(126, "Cwd must be an absolute path", "exec", "-w", "here", name, "true")
		c.Fails(127, "executable file not found", "exec", name, "nothing-like-it")
		c.Fails(3, "", "exec", name, "sh", "-c", "exit 3")
		c.Fails(137, "", "exec", name, "sh", "-c", "kill -9 $$")
		c.Prints("", "exec", "-d", name, "sh", "-c", "exit 3")
		c.Fails(1, "is not running", "exec", c.Must("create", busybox, "true"), "true")
	})
}

// kill ends a process of the host's.
func kill(t *testing.T, pid string) {
	t.Helper()
	n, err := strconv.Atoi(pid)
	if err != nil || n <= 1 {
		t.Fatalf("%q is no process", pid)
	}
	if err := unix.Kill(n, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

func TestContainersOfOtherRuntimesAreMeasuredAndUpdatedToo(t *testing.T) {
	t.Parallel()
	var flags []string
	runtimes := otherRuntimes(t)
	for name, path := range runtimes {
		flags = append(flags, "--add-runtime", name+"="+path)
	}
	d := harness.Start(t, harness.WithArgs(flags...))
	busybox := d.Busybox()
	c := d.Client(t, "berth")
	for name := range runtimes {
		c.Must("run", "-d", "--runtime", name, "--name", name, "-m", "64m", busybox, "sleep", "1000")
	}
	look := func(limit uint64) {
		t.Helper()
		for name := range runtimes {
			var s stats
			if err := json.Unmarshal([]byte(d.Ask(t, "GET", "/containers/"+name+"/stats?stream=0&one-shot=1", "").Body), &s); err != nil {
				t.Fatal(err)
			}
			if s.Pids.Current != 1 || s.Memory.Limit != limit || len(s.Networks) != 1 {
				t.Errorf("%s: %+v", name, s)
			}
			if out := c.Must("top", name); !strings.HasSuffix(out, "sleep 1000") {
				t.Errorf("%s: %s", name, out)
			}
		}
	}
	look(64 << 20)
	d.Restart()
	look(64 << 20)
	for name := range runtimes {
		c.Must("update", "-m", "32m", name)
	}
	look(32 << 20)
}

func TestAContainerThatIsUpdatedBeforeItsStartHasTheNewLimits(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	c := d.Client(t, "berth")
	for range 3 { // so that sandboxes are kept ready for the next
		c.Must("run", "--rm", "-m", "64m", busybox, "true")
	}
	for i := range 5 {
		id := c.Must("create", "-m", "64m", "--pids-limit", "40", busybox, "sleep", "1000")
		time.Sleep(time.Duration(i) * 10 * time.Millisecond) // what is prepared ahead is half-way, or through
		c.Must("update", "-m", "32m", "--pids-limit", "20", id)
		c.Must("start", id)
		if held := heldBy(t, d.Place, id); !strings.Contains(held, "33554432") || strings.Contains(held, "= 67108864\nmemory.memsw") || !strings.Contains(held, "pids.max = 20") {
			t.Errorf("it is held to\n%s", held)
		}
		c.Must("rm", "-f", id)
	}
}

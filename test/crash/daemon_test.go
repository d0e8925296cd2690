//go:build linux

package crash

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"berth/test/harness"
)

// touch makes a file that a container waits for.
func touch(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

// exists is nil once a container has made a file.
func exists(dir, name string) func() error {
	return func() error {
		_, err := os.Stat(filepath.Join(dir, name))
		return err
	}
}

func TestANewDaemonCarriesOnWhereOneWasKilled(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	c := d.Client(t, "docker")
	dir, port := t.TempDir(), strconv.Itoa(d.Port(0))
	volume := dir + ":/sync"
	const await = "await() { while [ ! -e /sync/$1 ]; do sleep 0.05; done; }; "

	stays := c.Must("run", "-di", "--name", "stays", busybox, "sh", "-c", "while read x; do echo got $x; [ $x = end ] && exit 4; done")
	ends := c.Must("run", "-d", "--name", "ends", "-v", volume, busybox, "sh", "-c", await+"echo before; await killed; echo meanwhile; echo bad >&2; touch /sync/ending; exit 7")
	gone := c.Must("run", "-d", "--rm", "--name", "gone", "-v", volume, busybox, "sh", "-c", await+"await killed; touch /sync/going")
	killed := c.Must("run", "-d", "--name", "killed", "-v", volume, busybox, "sh", "-c", await+"await killed; touch /sync/dying; kill -9 -1; sh -c 'kill -9 $PPID'; exit 9")
	c.Must("run", "-d", "--name", "web", "-p", port+":80", "berth/hello", "serve", ":80")
	harness.Get(t, "http://127.0.0.1:"+port)
	awaitLog(t, c, "ends", "before")
	pid := c.Must("inspect", "-f", "{{.State.Pid}}", stays)

	d.Kill9()
	touch(t, dir, "killed")
	for _, name := range []string{"ending", "going", "dying"} {
		harness.Eventually(t, name, exists(dir, name))
	}
	harness.Get(t, "http://127.0.0.1:"+port) // without a daemon
	d.StartAgain()

	c.Prints("7", "wait", ends)
	if r := c.Run("logs", ends); r.Stdout != "before\nmeanwhile\n" || r.Stderr != "bad\n" {
		t.Errorf("the log of what ended meanwhile is %+v", r)
	}
	harness.Eventually(t, "a container with --rm that ended meanwhile", func() error {
		if r := c.Run("inspect", gone); r.Code == 0 {
			return errors.New("it is still there")
		}
		return nil
	})
	c.Prints("9", "wait", killed)
	harness.Get(t, "http://127.0.0.1:"+port)
	c.Prints(pid+" running", "inspect", "-f", "{{.State.Pid}} {{.State.Status}}", stays)
	c.Prints("exec", "exec", stays, "echo", "exec")
	p := c.Begin("attach", stays)
	if _, err := p.Stdin.Write([]byte("one\n")); err != nil {
		t.Fatal(err)
	}
	p.Await("got one")
	if _, err := p.Stdin.Write([]byte("end\n")); err != nil {
		t.Fatal(err)
	}
	if r := p.Ends(); r.Code != 4 {
		t.Errorf("got %+v", r)
	}
	c.Prints("got one\ngot end", "logs", stays)
	c.Prints("web", "stop", "web")
	c.Prints("143", "wait", "web")
	c.Prints("web", "start", "web")
	harness.Get(t, "http://127.0.0.1:"+port)
}

func awaitLog(t *testing.T, c harness.Client, name, text string) {
	t.Helper()
	harness.Eventually(t, "the log of "+name, func() error {
		if got := c.Run("logs", name).Stdout; !strings.Contains(got, text) {
			return fmt.Errorf("it is %q", got)
		}
		return nil
	})
}

// TestNoLineIsLostOrDoubledWhenTheDaemonIsKilled kills the daemon again and
// again while a container counts, and wants every number once, in order.
func TestNoLineIsLostOrDoubledWhenTheDaemonIsKilled(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	c := d.Client(t, "berth")
	dir := t.TempDir()
	c.Must("run", "-d", "--name", "counts", "-v", dir+":/sync", busybox, "sh", "-c",
		"i=0; while [ ! -e /sync/enough ]; do echo $i; i=$((i+1)); [ $((i%100)) = 0 ] && echo $i > /sync/at && sleep 0.02; done; echo end")
	at := func() int {
		b, err := os.ReadFile(filepath.Join(dir, "at"))
		if err != nil {
			return 0
		}
		n, err := strconv.Atoi(strings.TrimSpace(string(b)))
		if err != nil { // between its truncation and its writing
			return 0
		}
		return n
	}
	onward := func(by int) {
		t.Helper()
		harness.Eventually(t, "it counts", func() error {
			if n := at(); n < by {
				return fmt.Errorf("it is at %d, and should come to %d", n, by)
			}
			return nil
		})
	}
	for round := 1; round <= 5; round++ {
		onward(at() + 500)
		d.Kill9()
		onward(at() + 500)
		d.StartAgain()
	}
	touch(t, dir, "enough")
	c.Prints("0", "wait", "counts")
	lines := strings.Split(c.Must("logs", "counts"), "\n")
	if last := lines[len(lines)-1]; last != "end" {
		t.Errorf("the last line is %q", last)
	}
	for i, line := range lines[:len(lines)-1] {
		if line != strconv.Itoa(i) {
			t.Fatalf("line %d of %d is %q; around it: %q", i, len(lines), line, lines[max(0, i-3):min(len(lines), i+4)])
		}
	}
}

func TestTheEndOfTheKeeperIsNotTheEndOfTheContainers(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	c := d.Client(t, "docker")
	port := strconv.Itoa(d.Port(0))
	c.Must("run", "-di", "--name", "talks", busybox, "sh", "-c", "while read x; do echo got $x; [ $x = end ] && exit 4; done")
	c.Must("run", "-d", "--name", "web", "-p", port+":80", "berth/hello", "serve", ":80")
	pid := c.Must("inspect", "-f", "{{.State.Pid}}", "talks")
	first := d.KeeperPid()
	killProcess(t, first)
	harness.Eventually(t, "another keeper", func() error {
		if now := d.KeeperPid(); now == 0 || now == first {
			return errors.New("there is none")
		}
		return nil
	})
	c.Prints(pid+" running", "inspect", "-f", "{{.State.Pid}} {{.State.Status}}", "talks")
	p := c.Begin("attach", "talks")
	if _, err := p.Stdin.Write([]byte("one\n")); err != nil {
		t.Fatal(err)
	}
	p.Await("got one")
	harness.Get(t, "http://127.0.0.1:"+port)
	c.Prints("new", "run", "--rm", busybox, "echo", "new")
	c.Prints("web", "stop", "-t", "60", "web")
	if _, err := p.Stdin.Write([]byte("end\n")); err != nil {
		t.Fatal(err)
	}
	p.Ends()
	c.Prints("exited", "inspect", "-f", "{{.State.Status}}", "talks")
	c.Prints("exited", "inspect", "-f", "{{.State.Status}}", "web")
	c.Prints("got one\ngot end", "logs", "talks")
	c.Must("rm", "talks", "web")
}

func TestWhenDaemonAndKeeperAreKilledNothingRunsUnseen(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	c := d.Client(t, "docker")
	c.Must("run", "-d", "--name", "lost", busybox, "sleep", "1000")
	c.Must("run", "-d", "--rm", "--name", "gone", busybox, "sleep", "1000")
	keeper := d.KeeperPid()
	d.Kill9()
	killProcess(t, keeper)
	d.StartAgain()
	harness.Eventually(t, "what runs is what is shown", func() error {
		_, populated := d.Contained()
		shown := strings.Fields(c.Must("ps", "-q", "--no-trunc"))
		if len(populated) != len(shown) {
			return fmt.Errorf("processes are in the groups of %v, and ps shows %v", populated, shown)
		}
		return nil
	})
	c.Must("start", "lost")
	c.Prints("running", "inspect", "-f", "{{.State.Status}}", "lost")
	c.Must("rm", "-f", "lost")
}

//go:build linux

package crash

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"berth/test/harness"
)

// earlier is a build whose keeper speaks the oldest protocol that is still spoken (2).
const earlier = "583e3f6"

// servesOn tries what a container of another build's daemon has to go on with.
func servesOn(t *testing.T, c harness.Client, name, pid string) {
	t.Helper()
	c.Prints(pid+" running", "inspect", "-f", "{{.State.Pid}} {{.State.Status}}", name)
	c.Prints("exec", "exec", name, "echo", "exec")
	p := c.Begin("attach", name)
	if _, err := p.Stdin.Write([]byte("hello\n")); err != nil {
		t.Fatal(err)
	}
	p.Await("got hello")
	p.Signal(syscall.SIGKILL)
	p.Ends()
}

const echo = "while read x; do echo got $x; [ $x = end ] && exit 4; done; sleep 1000"

func TestADaemonWorksWithTheKeeperOfAnotherBuild(t *testing.T) {
	t.Parallel()
	old := harness.Build(t, earlier, "berthd", "berth-keeper")
	for _, way := range []struct{ name, first, then string }{
		{"the daemon is newer", old, ""},
		{"the keeper is newer", "", old},
	} {
		t.Run(way.name, func(t *testing.T) {
			d := harness.Start(t, harness.WithPrograms(way.first))
			busybox := d.Busybox()
			c := d.Client(t, "docker")
			c.Must("run", "-di", "--name", "stays", busybox, "sh", "-c", echo)
			c.Must("run", "-di", "--name", "ends", busybox, "sh", "-c", echo)
			pid := c.Must("inspect", "-f", "{{.State.Pid}}", "stays")
			keeper := d.KeeperPid()

			d.Kill9()
			d.Use(way.then)
			d.StartAgain()
			if now := d.KeeperPid(); now != keeper {
				t.Fatalf("the keeper is %d and was %d", now, keeper)
			}
			servesOn(t, c, "stays", pid)
			p := c.Begin("attach", "ends")
			if _, err := io.WriteString(p.Stdin, "end\n"); err != nil {
				t.Fatal(err)
			}
			c.Prints("4", "wait", "ends")
			c.Prints("new", "run", "--rm", busybox, "echo", "new")

			for _, build := range []string{way.first, ""} { // and back, and to the end with ours, which clears up
				d.Kill9()
				d.Use(build)
				d.StartAgain()
				servesOn(t, c, "stays", pid)
			}
		})
	}
}

func TestTheKeeperIsRenewedByADaemonWhoseBinaryIsAnother(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	c := d.Client(t, "docker")
	port := strconv.Itoa(d.Port(0))
	c.Must("run", "-di", "--name", "stays", busybox, "sh", "-c", echo)
	c.Must("run", "-dt", "--name", "tty", busybox, "sh", "-c", "i=0; while sleep 0.02; do i=$((i+1)); echo line $i; done")
	c.Must("run", "-d", "--name", "web", "-p", port+":80", "berth/hello", "serve", ":80")
	pid := c.Must("inspect", "-f", "{{.State.Pid}}", "stays")
	keeper := d.KeeperPid()

	bin := t.TempDir() // an upgrade, as far as anybody can tell
	for _, name := range []string{"berthd", "berth-keeper"} {
		b, err := os.ReadFile(harness.Binary(t, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(bin, name), b, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		d.Stop()
		d.Use(bin)
		d.StartAgain()
		line, err := os.ReadFile("/proc/" + strconv.Itoa(keeper) + "/cmdline")
		if err != nil {
			t.Fatal(err)
		}
		if now := d.KeeperPid(); now != keeper || !strings.Contains(string(line), "--renewed") {
			t.Fatalf("the keeper is %d and was %d; its command line is %q", now, keeper, line)
		}
		servesOn(t, c, "stays", pid)
		harness.Get(t, "http://127.0.0.1:"+port)
	}
	c.Must("kill", "tty")
	lines := strings.Split(strings.TrimSpace(c.Must("logs", "tty")), "\n")
	for i, line := range lines {
		if strings.TrimSpace(line) != "line "+strconv.Itoa(i+1) {
			t.Fatalf("line %d of %d is %q", i+1, len(lines), line)
		}
	}
}

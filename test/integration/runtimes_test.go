//go:build linux

package integration

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"berth/test/harness"
)

// otherRuntimes are the OCI runtimes that are installed, and our own command
// line as one of them; crun refuses hosts that have both versions of cgroups.
func otherRuntimes(t *testing.T) map[string]string {
	list := map[string]string{"oci": harness.Binary(t, "berth-runtime")}
	for _, name := range []string{"runc", "crun"} {
		path, err := exec.LookPath(name)
		_, hybrid := os.Stat("/sys/fs/cgroup/unified/cgroup.controllers")
		if err == nil && (name != "crun" || hybrid != nil) {
			list["other-"+name] = path
		}
	}
	return list
}

func TestAContainerOfAnotherRuntimeIsLikeAnyOther(t *testing.T) {
	t.Parallel()
	var flags []string
	runtimes := otherRuntimes(t)
	for name, path := range runtimes {
		flags = append(flags, "--add-runtime", name+"="+path)
	}
	d := harness.Start(t, harness.WithArgs(flags...))
	busybox := d.Busybox()
	for name := range runtimes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
				if r := c.In(strings.NewReader("in\n")).Run("run", "--rm", "-i", "-m", "64m", "--runtime", name, busybox, "sh", "-c", "cat; echo err >&2; cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null; exit 7"); r.Code != 7 ||
					r.Stdout != "in\n67108864\n" || r.Stderr != "err\n" {
					t.Errorf("got %+v", r)
				}
				c.Fails(127, "executable file not found in $PATH", "run", "--rm", "--runtime", name, busybox, "no-such-program")
				term := c.OnTerminal(24, 80, "run", "--rm", "-it", "--runtime", name, busybox, "sh", "-c", "tty; read x; echo got $x; exit 8")
				term.Expect("/dev/pts/0")
				term.Type("line\r")
				term.Expect("got line")
				if code := term.Ends(); code != 8 {
					t.Errorf("exit code %d; seen: %q", code, term.Seen())
				}

				box := name + "-" + c.Name
				c.Must("run", "-d", "--name", box, "--runtime", name, busybox, "sh", "-c", "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.05; done")
				c.Prints(name, "inspect", "-f", "{{.HostConfig.Runtime}}", box)
				for range 3 { // a process that ends before anybody can look at it
					c.Prints("inside", "exec", box, "echo", "inside")
				}
				c.Fails(5, "", "exec", box, "sh", "-c", "exit 5")
				c.Fails(127, "executable file not found in $PATH", "exec", box, "no-such-program")
				term = c.OnTerminal(24, 80, "exec", "-it", box, "tty")
				term.Expect("/dev/pts/0")
				term.Ends()
				c.Must("stop", box)
				c.Prints("exited 3", "inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", box)
				c.Prints("up\nbye", "logs", box)
				c.Must("start", box)
				c.Must("rm", "-f", box)
			})
		})
	}
}

func TestAContainerOfAnotherRuntimeOutlivesTheDaemon(t *testing.T) {
	t.Parallel()
	d := harness.Start(t, harness.WithArgs("--add-runtime", "oci="+harness.Binary(t, "berth-runtime"), "--default-runtime", "oci"))
	busybox := d.Busybox()
	c := d.Client(t, "berth")
	c.Must("run", "-di", "--name", "outlives", busybox, "sh", "-c", "echo one; read x; echo two $x; exit 4")
	c.Must("run", "-d", "--name", "ends", busybox, "sh", "-c", "sleep 0.3; exit 9")
	d.Kill9()
	d.StartAgain()
	c.Prints("oci", "inspect", "-f", "{{.HostConfig.Runtime}}", "outlives")
	c.Prints("9", "wait", "ends")
	p := c.Begin("attach", "outlives")
	send(t, p, "line\n")
	if r := p.Ends(); r.Code != 4 {
		t.Errorf("got %+v", r)
	}
	c.Prints("one\ntwo line", "logs", "outlives")
	c.Must("rm", "outlives", "ends")
}

func TestRuntimesThatAreNotThereAreRefused(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		c.Fails(125, "unknown or invalid runtime name: nothing", "run", "--rm", "--runtime", "nothing", "berth/hello")
		c.Must("run", "--rm", "--runtime", "runc", "berth/hello") // what clients call an engine's own
	})
}

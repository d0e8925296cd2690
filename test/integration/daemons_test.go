//go:build linux

package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"berth/test/harness"
)

func TestTwoDaemonsLiveSideBySide(t *testing.T) {
	t.Parallel()
	one, two := harness.Start(t), harness.Start(t)
	for _, name := range []string{"berth", "docker"} {
		c1, c2 := one.Client(t, name), two.Client(t, name)
		p1, p2 := strconv.Itoa(one.Port(0)), strconv.Itoa(two.Port(0))
		c1.Must("run", "-d", "--name", "same", "-p", p1+":80", "berth/hello", "serve", ":80")
		id := c2.Must("run", "-d", "--name", "same", "-p", p2+":80", "berth/hello", "serve", ":80")
		c1.Fails(1, "No such container", "inspect", "--type", "container", id)
		c1.Must("rm", "-f", "same")
		c1.Prints("", "ps", "-aq")
		c2.Prints(id, "ps", "-q", "--no-trunc")
		harness.Get(t, "http://127.0.0.1:"+p2)
		one.Restart()
		harness.Get(t, "http://127.0.0.1:"+p2)
		c2.Must("rm", "-f", "same")
	}
}

func TestASecondDaemonOnTheSameRootsIsRefused(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	id := d.Client(t, "berth").Must("run", "-d", "berth/hello", "sleep", "infinity")
	for what, flags := range map[string][]string{
		"the same data root": {"--data-root", d.DataRoot(), "--exec-root", filepath.Join(d.Dir(), "other-exec")},
		"the same exec root": {"--data-root", filepath.Join(d.Dir(), "other-data"), "--exec-root", d.ExecRoot(), "--pidfile", filepath.Join(d.Dir(), "other.pid")},
	} {
		args := append([]string{"-H", "unix://" + filepath.Join(d.Dir(), "other.sock"), "--no-docker-socket", "--bridge", d.Bridge(), "--config-file", "/dev/null"}, flags...)
		out, err := exec.Command(harness.Binary(t, "berthd"), args...).CombinedOutput()
		if err == nil || len(strings.TrimSpace(string(out))) == 0 {
			t.Errorf("a second daemon with %s: %v, %s", what, err, out)
		}
		d.Client(t, "berth").Prints(id, "ps", "-q", "--no-trunc", "--filter", "status=running")
	}
	os.RemoveAll(filepath.Join(d.Dir(), "other-data"))
}

func TestContainersOutliveTheDaemonAndItsKeeperLeavesAfterThem(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	c := d.Client(t, "docker")
	id := c.Must("run", "-di", "--name", "outlives", "-p", strconv.Itoa(d.Port(0))+":80", busybox, "sh", "-c", "echo begin; read x; echo got $x; exit 3")
	before := c.Must("inspect", "-f", "{{.State.Pid}} {{.State.StartedAt}} {{.NetworkSettings.Networks.bridge.IPAddress}}", id)
	d.Restart()
	c.Prints(before, "inspect", "-f", "{{.State.Pid}} {{.State.StartedAt}} {{.NetworkSettings.Networks.bridge.IPAddress}}", id)
	p := c.Begin("attach", "outlives")
	send(t, p, "after\n")
	p.Await("got after")
	if r := p.Ends(); r.Code != 3 {
		t.Errorf("got %+v", r)
	}
	c.Prints("begin\ngot after", "logs", "outlives")
	c.Must("rm", "outlives")
	d.Stop()
	harness.Eventually(t, "the keeper leaves by itself", d.KeeperGone)
	d.StartAgain()
}

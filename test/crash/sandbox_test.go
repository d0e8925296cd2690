//go:build linux

package crash

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"berth/test/harness"
)

// waiting is nil once sandboxes wait for containers.
func waiting(d *harness.Daemon) func() error {
	return func() error {
		if len(d.Sandboxes()) < 2 {
			return errors.New("no sandboxes wait")
		}
		return nil
	}
}

func TestSandboxesEndWithTheDaemonThatWantedThem(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	c := d.Client(t, "berth")
	c.Must("run", "-d", "--name", "stays", busybox, "sleep", "1000")
	harness.Eventually(t, "sandboxes", waiting(d))
	created := c.Must("create", busybox, "sh", "-c", "echo I am $(hostname); exit 3")
	if !slices.Contains(d.Sandboxes(), created) {
		t.Errorf("container %s has no sandbox", created)
	}
	before := d.Sandboxes()
	d.Kill9()
	harness.Eventually(t, "the sandboxes end", func() error {
		if left := d.Sandboxes(); len(left) > 0 {
			return fmt.Errorf("%d wait", len(left))
		}
		return nil
	})
	d.StartAgain()
	_, populated := d.Contained()
	if len(populated) != 1 {
		t.Errorf("there are processes in the groups of %v", populated)
	}
	for _, group := range d.Groups() {
		if slices.Contains(before, group) && group != created {
			t.Errorf("the group of the sandbox %s stays", group)
		}
	}
	if r := c.Run("start", "-a", created); r.Code != 3 || r.Stdout != "I am "+created[:12]+"\n" {
		t.Errorf("a container whose sandbox is gone: %+v", r)
	}
}

func TestAContainerWhoseSandboxDiesStartsWithoutIt(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	c := d.Client(t, "berth")
	for range 3 {
		c.Must("run", "--rm", busybox, "true")
		harness.Eventually(t, "sandboxes", waiting(d))
		created := c.Must("create", busybox, "sh", "-c", "echo alive; exit 5")
		if !slices.Contains(d.Sandboxes(), created) {
			t.Errorf("container %s has no sandbox", created)
		}
		killProcess(t, d.SandboxPid(created))
		if r := c.Run("start", "-a", created); r.Code != 5 || r.Stdout != "alive\n" {
			t.Errorf("got %+v", r)
		}
	}
}

func TestAKeeperThatIsKilledTakesItsSandboxesAlong(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	c := d.Client(t, "berth")
	c.Must("run", "--rm", busybox, "true")
	harness.Eventually(t, "sandboxes", waiting(d))
	created := c.Must("create", busybox, "sh", "-c", "exit 6")
	killProcess(t, d.KeeperPid())
	harness.Eventually(t, "a start with the next keeper", func() error {
		if r := c.Run("start", "-a", created); r.Code != 6 {
			return fmt.Errorf("got %+v", r)
		}
		return nil
	})
}

//go:build linux

package crash

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

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

// TestNothingOfASandboxStaysWheneverItsKeeperOrDaemonIsKilled kills one, the other, or both
// at every stage of a sandbox's life: while it is parked, while it waits, while a
// container is got ready in it, while it becomes one, and behind. That nothing
// stays behind is looked at when the test ends; here, that the engine goes on.
func TestNothingOfASandboxStaysWheneverItsKeeperOrDaemonIsKilled(t *testing.T) {
	t.Parallel()
	d := harness.Start(t, func(d *harness.Daemon) { harness.WithArgs("--bip", d.Gateway()+"/28")(d) })
	busybox := d.Busybox()
	c := d.Client(t, "berth")
	kill := map[string]func(){
		"daemon": func() { d.Kill9(); d.StartAgain() },
		"keeper": func() { killProcess(t, d.KeeperPid()) },
		"both":   func() { killProcess(t, d.KeeperPid()); d.Kill9(); d.StartAgain() },
	}
	for who, now := range kill {
		for stage, delay := range []time.Duration{30, 33, 36, 39, 42, 50} { // what waits is made from 30 ms behind a start on
			c.Run("run", "--rm", busybox, "true")
			time.Sleep(delay * time.Millisecond)
			created := c.Run("create", busybox, "sh", "-c", "echo alive; exit 5")
			if stage%2 == 0 {
				begun := c.Begin("start", "-a", strings.TrimSpace(created.Stdout))
				time.Sleep(time.Duration(4*stage) * time.Millisecond) // to its end and beyond
				now()
				begun.Ends() // as it may
			} else {
				now()
			}
			goesOn(t, c, busybox, fmt.Sprintf("after the end of %s, %d ms behind a start", who, delay))
			if created.Code == 0 {
				c.Must("rm", "-f", strings.TrimSpace(created.Stdout))
			}
		}
	}
	harness.Eventually(t, "sandboxes", waiting(d))
}

// goesOn waits until a container runs as it should: the next keeper may not be there yet.
func goesOn(t *testing.T, c harness.Client, image, when string) {
	t.Helper()
	harness.Eventually(t, when, func() error {
		if r := c.Run("run", "--rm", image, "sh", "-c", "hostname -i; exit 6"); r.Code != 6 || !strings.HasPrefix(r.Stdout, "10.213.") {
			return fmt.Errorf("got %+v", r)
		}
		return nil
	})
}

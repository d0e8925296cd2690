//go:build linux

package integration

import (
	"fmt"
	"strings"
	"testing"

	"berth/test/harness"
)

// trapped is a program that ends with 9 on SIGTERM, and says when it is ready for it.
var trapped = []string{"sh", "-c", "trap 'exit 9' TERM; sleep 1000 & echo up; wait"}

// runTrapped starts such a container.
func runTrapped(t *testing.T, c harness.Client, image, name string, args ...string) {
	t.Helper()
	c.Must(append(append([]string{"run", "-d", "--name", name}, args...), append([]string{image}, trapped...)...)...)
	harness.Eventually(t, "its trap is set", func() error {
		if got := c.Must("logs", name); !strings.HasPrefix(got, "up") {
			return fmt.Errorf("its log is %q", got)
		}
		return nil
	})
}

func TestAPausedContainerIsShownAndLeftAloneUntilItIsUnpaused(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		name := "paused-" + c.Name
		runTrapped(t, c, busybox, name)
		c.Prints(name, "pause", name)
		c.Prints("paused true true", "inspect", "-f", "{{.State.Status}} {{.State.Running}} {{.State.Paused}}", name)
		if got := c.Must("ps", "--format", "{{.Names}} {{.State}} {{.Status}}"); !strings.HasPrefix(got, name+" paused Up ") || !strings.HasSuffix(got, " (Paused)") {
			t.Errorf("ps says %q", got)
		}
		c.Prints(name, "ps", "-f", "status=paused", "--format", "{{.Names}}")
		c.Fails(1, "is already paused", "pause", name)
		c.Fails(1, "cannot start a paused container, try unpause instead", "start", name)
		c.Fails(1, "is paused, unpause the container before exec", "exec", name, "true")
		c.Fails(1, "container is paused and must be unpaused first", "rm", name)
		c.Prints(name, "unpause", name)
		c.Prints("", "exec", name, "true")
		c.Fails(1, "is not paused", "unpause", name)
		c.Prints(name, "pause", name)
		c.Prints(name, "stop", name) // which resumes it
		c.Prints("exited 9", "inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name)
		c.Fails(1, "is not running", "pause", name)
		c.Must("start", name)
		c.Must("pause", name)
		c.Prints(name, "rm", "-f", name)
	})
}

func TestANextDaemonFindsAContainerPaused(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	c := d.Client(t, "docker")
	runTrapped(t, c, busybox, "still", "-p", "127.0.0.1::80")
	c.Must("pause", "still")
	pid := c.Must("inspect", "-f", "{{.State.Pid}}", "still")
	d.Kill9()
	d.StartAgain()
	c.Prints("paused true "+pid, "inspect", "-f", "{{.State.Status}} {{.State.Paused}} {{.State.Pid}}", "still")
	c.Prints("still", "unpause", "still")
	c.Prints("still", "stop", "still")
	c.Prints("exited 9", "inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "still")
}

func TestARestartKeepsAContainerThatGoesByItself(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		name := "again-" + c.Name
		runTrapped(t, c, busybox, name, "--rm")
		before := c.Must("inspect", "-f", "{{.State.Pid}}", name)
		c.Prints(name, "restart", name)
		if now := c.Must("inspect", "-f", "{{.State.Running}} {{.State.Pid}}", name); now == "true "+before || !strings.HasPrefix(now, "true ") {
			t.Errorf("it is %s, and was %s", now, before)
		}
		c.Prints(name, "restart", "-t", "0", "-s", "WINCH", name)
		c.Must("stop", "-t", "0", name)
		harness.Eventually(t, "it goes", func() error {
			if r := c.Run("inspect", name); r.Code == 0 {
				return fmt.Errorf("%s is there", name)
			}
			return nil
		})
		c.Must("create", "--name", name, busybox, "no-such-program")
		c.Fails(1, "Cannot restart container "+name+": ", "restart", name)
		c.Fails(1, "No such container: nothing", "restart", "nothing")
		c.Must("rm", name)
	})
}

func TestARenameOfARunningContainerOutlivesTheDaemon(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	c := d.Client(t, "docker")
	one := c.Must("run", "-d", "--name", "one", busybox, "sleep", "1000")
	two := c.Must("create", "--name", "two", busybox)
	c.Prints("", "rename", "one", "uno")
	c.Fails(1, "No such container: one", "start", "one")
	c.Fails(1, "Error when allocating new name: Conflict. The container name \"/two\" is already in use by container \""+two+"\"", "rename", "uno", "two")
	c.Fails(1, "Renaming a container with the same name as its current name", "rename", "uno", "uno")
	c.Prints("", "rename", "two", "one")
	d.Kill9()
	d.StartAgain()
	c.Prints(one+" /uno true", "inspect", "-f", "{{.Id}} {{.Name}} {{.State.Running}}", "uno")
	c.Prints(two+" /one", "inspect", "-f", "{{.Id}} {{.Name}}", "one")
	c.Prints("uno", "rm", "-f", "uno")
}

func TestContainerPruneTakesWhatHasEndedAndCountsItsBytes(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		up := "up-" + c.Name
		c.Must("run", "-d", "--name", up, busybox, "sleep", "1000")
		big := c.Must("run", "-d", "--label", "size=big", busybox, "sh", "-c", "head -c 3000000 /dev/zero >/file")
		c.Must("wait", big)
		kept := c.Must("create", "--label", "keep", busybox)
		c.Prints("Total reclaimed space: 0B", "container", "prune", "-f", "--filter", "until=1h")
		c.Prints("Total reclaimed space: 0B", "container", "prune", "-f", "--filter", "label=size=small")
		c.Prints("Deleted Containers:\n"+big+"\n\nTotal reclaimed space: 3MB", "container", "prune", "-f", "--filter", "label!=keep")
		c.Prints("Deleted Containers:\n"+kept+"\n\nTotal reclaimed space: 0B", "container", "prune", "-f")
		c.Fails(1, "invalid filter", "container", "prune", "-f", "--filter", "odd=1")
		c.Prints(up, "ps", "-a", "--format", "{{.Names}}")
		c.Must("rm", "-f", up)
	})
}

func TestWithoutLiveRestoreContainersEndWithTheDaemonAndComeBackByTheirPolicy(t *testing.T) {
	t.Parallel()
	d := harness.Start(t, harness.WithArgs("--live-restore=false", "--shutdown-timeout", "5"))
	busybox := d.Busybox()
	c := d.Client(t, "docker")
	c.Prints("false", "info", "-f", "{{.LiveRestoreEnabled}}")
	runTrapped(t, c, busybox, "plain")
	runTrapped(t, c, busybox, "again", "--restart", "always")
	c.Must("run", "-d", "--name", "deaf", "--stop-timeout", "1", busybox, "sleep", "1000")
	runTrapped(t, c, busybox, "still")
	c.Must("pause", "still")
	attached := c.Begin("attach", "plain")
	waiting := c.Begin("wait", "plain")
	harness.Eventually(t, "the wait is registered", func() error {
		if n := c.Must("inspect", "-f", "{{.State.Running}}", "plain"); n != "true" {
			return fmt.Errorf("it says %q", n)
		}
		return nil
	})
	d.Stop()
	_ = attached.Ends()
	_ = waiting.Ends()
	d.StartAgain()
	for name, want := range map[string]string{"plain": "exited 9", "deaf": "exited 137", "still": "exited 9"} {
		c.Prints(want, "inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name)
	}
	becomes(t, c, "again", "running 0")
	c.Must("start", "plain")
	harness.Eventually(t, "its trap is set", func() error {
		if got := c.Must("logs", "plain"); got != "up\nup" {
			return fmt.Errorf("its log is %q", got)
		}
		return nil
	})
	// One that has been killed itself leaves them to the next, which ends them.
	d.Kill9()
	d.StartAgain()
	c.Prints("exited 9", "inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "plain")
	becomes(t, c, "again", "running 0")
}

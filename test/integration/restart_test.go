//go:build linux

package integration

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"berth/test/harness"
)

// restarts waits until a container has been started again n times and is in a state.
func restarts(t *testing.T, c harness.Client, name, want string) {
	t.Helper()
	harness.Eventually(t, name, func() error {
		if got := c.Must("inspect", "-f", "{{.State.Status}} {{.RestartCount}}", name); got != want {
			return fmt.Errorf("it is %q, and should become %q", got, want)
		}
		return nil
	})
}

// Behaviour 106 of Docker: on-failure restarts only for exit != 0 and up to N times.
func TestOnFailureRestartsOnlyForAnExitCodeOtherThan0AndUpToNTimes(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	c := d.Client(t, "docker")
	c.Must("run", "-d", "--name", "fails", "--restart", "on-failure:2", busybox, "sh", "-c", "echo run; exit 3")
	restarts(t, c, "fails", "exited 2")
	if got := c.Must("logs", "fails"); got != "run\nrun\nrun" {
		t.Errorf("its log is %q", got)
	}
	c.Prints("3", "wait", "fails")
	c.Must("run", "-d", "--name", "succeeds", "--restart", "on-failure", busybox, "true")
	restarts(t, c, "succeeds", "exited 0")
	c.Prints(`{"Name":"on-failure","MaximumRetryCount":2}`, "inspect", "-f", "{{json .HostConfig.RestartPolicy}}", "fails")
	c.Prints(`{"Name":"no","MaximumRetryCount":0}`, "inspect", "-f", "{{json .HostConfig.RestartPolicy}}", c.Must("create", busybox, "true"))
}

func TestARestartingContainerIsShownAsDockerShowsIt(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	c := d.Client(t, "docker")
	id := c.Must("create", "--name", "loops", "--restart", "always", busybox, "sh", "-c", "echo hi; exit 3")
	// Who attaches, waits or follows the log sees one run.
	attached := c.Begin("start", "-a", "loops")
	if r := attached.Ends(); r.Code != 3 || r.Stdout != "hi\n" {
		t.Errorf("start -a: %+v", r)
	}
	harness.Eventually(t, "it waits for some time", func() error {
		if got := c.Must("inspect", "-f", "{{.State.Status}} {{.RestartCount}}", "loops"); got < "restarting 4" || got > "restarting 9" {
			return errors.New(got)
		}
		return nil
	})
	c.Prints("restarting true true 0 3", "inspect", "-f", "{{.State.Status}} {{.State.Running}} {{.State.Restarting}} {{.State.Pid}} {{.State.ExitCode}}", "loops")
	if got := c.Must("ps", "--filter", "status=restarting", "--format", "{{.Names}} {{.State}} {{.Status}}"); !strings.HasPrefix(got, "loops restarting Restarting (3) ") {
		t.Errorf("ps: %s", got)
	}
	c.Prints("loops", "start", "loops")
	c.Fails(1, "Container "+id+" is restarting, wait until the container is running", "exec", "loops", "true")
	c.Fails(1, "cannot attach to a restarting container", "attach", "loops")
	c.Fails(1, "container is restarting: stop the container before removing or force remove", "rm", "loops")
	c.Prints("loops", "stop", "loops")
	c.Prints("exited false false 3", "inspect", "-f", "{{.State.Status}} {{.State.Running}} {{.State.Restarting}} {{.State.ExitCode}}", "loops")
	c.Prints("loops", "start", "loops")
	c.Prints("loops", "rm", "-f", "loops")
	c.Fails(125, "cannot specify both --restart and --rm", "run", "--rm", "--restart", "always", busybox, "true")
	r := d.Ask(t, "POST", "/containers/create", `{"Image":"busybox","Cmd":["true"],"HostConfig":{"AutoRemove":true,"RestartPolicy":{"Name":"always"}}}`)
	if r.Status != 400 || r.Body != `{"message":"can't create 'AutoRemove' container with restart policy"}` {
		t.Errorf("%+v", r)
	}
}

// Behaviour 105 of Docker.
func TestAtDaemonStartAlwaysStartsWhatWasStoppedByHandAndUnlessStoppedDoesNot(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	c := d.Client(t, "docker")
	policies := []string{"no", "on-failure", "unless-stopped", "always"}
	for _, p := range policies {
		c.Must("run", "-d", "--name", p, "--restart", p, busybox, "sleep", "1000")
		c.Must("stop", "-t", "0", p)
		becomes(t, c, p, "exited 137")
	}
	c.Must("create", "--name", "never-started", "--restart", "always", busybox, "sleep", "1000")
	d.Restart()
	becomes(t, c, "always", "running 0")
	for _, p := range policies[:3] {
		c.Prints("exited 137", "inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", p)
	}
	c.Prints("created 0", "inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "never-started")
	for _, p := range policies[:3] {
		c.Must("start", p)
	}
	d.Kill9() // containers run on
	d.StartAgain()
	for _, p := range policies {
		c.Prints("running 0", "inspect", "-f", "{{.State.Status}} {{.RestartCount}}", p)
	}
}

func TestAtDaemonStartAContainerOfComposeWaitsUntilWhatItDependsOnIsHealthy(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	c := d.Client(t, "docker")
	compose := func(service, depends string, more ...string) {
		t.Helper()
		args := append([]string{"run", "-d", "--name", service, "--restart", "always", "--stop-timeout", "0", "-v", "shared:/v", "--label", "com.docker.compose.project=p",
			"--label", "com.docker.compose.service=" + service, "--label", "com.docker.compose.depends_on=" + depends}, more...)
		c.Must(append(args, busybox, "sleep", "1000")...)
	}
	compose("web", "db:service_healthy:true")
	compose("db", "", "--health-cmd", "test -e /v/good", "--health-interval", "50ms", "--health-retries", "1000000")
	c.Must("stop", "web", "db")
	d.Restart()
	becomes(t, c, "db", "running 0")
	c.Prints("starting\nrestarting", "inspect", "-f", "{{if .State.Health}}{{.State.Health.Status}}{{else}}{{.State.Status}}{{end}}", "db", "web")
	c.Must("exec", "db", "touch", "/v/good")
	becomes(t, c, "web", "running 0")
	c.Prints("healthy", "inspect", "-f", "{{.State.Health.Status}}", "db")
}

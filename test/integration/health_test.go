//go:build linux

package integration

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"berth/test/harness"
)

// health waits for a container's health.
func health(t *testing.T, c harness.Client, name, want string) {
	t.Helper()
	harness.Eventually(t, name, func() error {
		if got := c.Must("inspect", "-f", "{{if .State.Health}}{{.State.Health.Status}}{{end}}", name); got != want {
			return fmt.Errorf("it is %q, and should become %q", got, want)
		}
		return nil
	})
}

func TestAHealthcheckIsShownInInspectAndPsAndFiltered(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	c := d.Client(t, "docker")
	c.Must("run", "-d", "--name", "checked", "--health-cmd", "echo out; test ! -e /bad", "--health-interval", "50ms", "--health-retries", "2", busybox, "sleep", "1000")
	c.Must("run", "-d", "--name", "slow", "--health-cmd", "true", "--health-start-period", "1h", "--health-start-interval", "1h", busybox, "sleep", "1000")
	c.Must("run", "-d", "--name", "unchecked", "--no-healthcheck", busybox, "sleep", "1000")
	health(t, c, "checked", "healthy")
	c.Prints("0 out", "inspect", "-f", "{{with index .State.Health.Log 0}}{{.ExitCode}} {{.Output}}{{end}}", "checked")
	c.Prints("[CMD-SHELL echo out; test ! -e /bad] 50ms 2", "inspect", "-f", "{{with .Config.Healthcheck}}{{.Test}} {{.Interval}} {{.Retries}}{{end}}", "checked")
	c.Prints("[NONE] <nil>", "inspect", "-f", "{{.Config.Healthcheck.Test}} {{.State.Health}}", "unchecked")
	for filter, want := range map[string]string{"healthy": "checked", "starting": "slow", "none": "unchecked", "unhealthy": ""} {
		c.Prints(want, "ps", "--filter", "health="+filter, "--format", "{{.Names}}")
	}
	for name, want := range map[string]string{"checked": "(healthy)", "slow": "(health: starting)"} {
		if got := c.Must("ps", "--filter", "name="+name, "--format", "{{.Status}}"); !strings.HasPrefix(got, "Up ") || !strings.HasSuffix(got, want) {
			t.Errorf("ps shows %q", got)
		}
	}
	c.Must("exec", "checked", "touch", "/bad")
	health(t, c, "checked", "unhealthy")
	c.Prints("running", "inspect", "-f", "{{.State.Status}}", "checked")
	d.Restart()
	c.Prints("unhealthy", "inspect", "-f", "{{.State.Health.Status}}", "checked")
	c.Must("exec", "checked", "rm", "/bad")
	health(t, c, "checked", "healthy")
	c.Fails(1, "Interval in Healthcheck cannot be less than 1ms", "create", "--health-interval", "1us", busybox, "true")
}

// Behaviour 48 of Docker.
func TestHealthcheckFieldsUnsetByTheUserAreTakenFromTheImageOneByOne(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	c := d.Client(t, "docker")
	d.Import("checked", bytes.NewReader(harness.BusyboxTar(t)), `HEALTHCHECK --interval=40s --timeout=7s --retries=5 CMD cat /etc/hosts`)
	id := c.Must("create", "--health-interval", "9s", "checked", "true")
	c.Prints("[CMD-SHELL cat /etc/hosts] 9s 7s 5", "inspect", "-f", "{{with .Config.Healthcheck}}{{.Test}} {{.Interval}} {{.Timeout}} {{.Retries}}{{end}}", id)
}

func TestProbesWithoutAnExecReachWhatOnlyTheContainerCan(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	d.Busybox()
	c := d.Client(t, "docker")
	for name, test := range map[string]string{"web": `["HTTP","http://localhost:8080/index.html"]`, "gone": `["HTTP","http://localhost:8080/nothing"]`, "port": `["TCP","127.0.0.1:8080"]`, "shut": `["TCP","localhost:1"]`} {
		r := d.Ask(t, "POST", "/containers/create?name="+name, `{"Image":"busybox","Cmd":["sh","-c","mkdir /w; echo fine >/w/index.html; exec httpd -f -p 127.0.0.1:8080 -h /w"],`+
			`"HostConfig":{"NetworkMode":"none"},"Healthcheck":{"Interval":50000000,"Retries":1,"Test":`+test+`,"OnFailure":"none"}}`)
		if r.Status != 201 {
			t.Fatalf("%+v", r)
		}
		c.Must("start", name)
	}
	for name, want := range map[string]string{"web": "healthy", "port": "healthy", "gone": "unhealthy", "shut": "unhealthy"} {
		health(t, c, name, want)
	}
	if got := c.Must("inspect", "-f", "{{with index .State.Health.Log 0}}{{.Output}}{{end}}", "gone"); !strings.Contains(got, "refused") && !strings.Contains(got, "404") {
		t.Errorf("%q", got)
	}
	c.Prints("[]", "inspect", "-f", "{{.ExecIDs}}", "web")
	// How it was asked for can be sent again.
	if r := d.Ask(t, "GET", "/containers/web/json", ""); !strings.Contains(r.Body, `"OnFailure":"none"`) {
		t.Errorf("%s", r.Body)
	}
}

func TestAnUnhealthyContainerIsRestartedWhenItsCheckSaysSo(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	d.Busybox()
	c := d.Client(t, "docker")
	r := d.Ask(t, "POST", "/containers/create?name=sick", `{"Image":"busybox","Cmd":["sh","-c","[ -e /once ] && touch /good; touch /once; trap 'exit 0' TERM; while :; do sleep 0.05; done"],`+
		`"Healthcheck":{"Interval":50000000,"Retries":2,"Test":["CMD","test","-e","/good"],"OnFailure":"restart"}}`)
	if r.Status != 201 {
		t.Fatalf("%+v", r)
	}
	c.Must("start", "sick")
	health(t, c, "sick", "healthy")
	c.Prints("running 1", "inspect", "-f", "{{.State.Status}} {{.RestartCount}}", "sick")
}

// Behaviour 134 of Docker, beside Docker itself.
func TestPauseAndStopHaltTheMonitorAsInDocker(t *testing.T) {
	t.Parallel()
	docker := harness.StartDockerd(t)
	d := harness.Start(t)
	busybox := d.Busybox()
	seen := map[string][]string{}
	for name, c := range map[string]harness.Client{"docker": docker.Client(t), "berth": d.Client(t, "docker")} {
		look := func(when string) {
			t.Helper()
			seen[name] = append(seen[name], when+": "+c.Must("inspect", "-f", "{{.State.Status}} {{with .State.Health}}{{.Status}} {{.FailingStreak}}{{else}}no health{{end}}", "watched"))
		}
		c.Must("create", "--name", "watched", "--health-cmd", "test ! -e /bad", "--health-interval", "500ms", "--health-retries", "1", "--stop-timeout", "0", busybox, "sleep", "1000")
		look("created")
		c.Must("start", "watched")
		look("started")
		health(t, c, "watched", "healthy")
		look("probed")
		c.Must("pause", "watched")
		look("paused")
		c.Must("unpause", "watched")
		health(t, c, "watched", "healthy")
		c.Must("exec", "watched", "touch", "/bad")
		health(t, c, "watched", "unhealthy")
		c.Must("exec", "watched", "rm", "/bad")
		health(t, c, "watched", "healthy")
		look("recovered")
		c.Must("stop", "watched")
		look("stopped")
		c.Must("start", "watched")
		look("started again")
	}
	if a, b := strings.Join(seen["docker"], "\n"), strings.Join(seen["berth"], "\n"); a != b {
		t.Errorf("Docker:\n%s\nberth:\n%s", a, b)
	}
}

//go:build linux

package integration

import (
	"fmt"
	"strings"
	"testing"

	"berth/test/harness"
)

// TestWhatTheClientHasBeyondDockers drives with our own client what the stock
// one does not know.
func TestWhatTheClientHasBeyondDockers(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	c := d.Client(t, "berth")
	t.Run("logs of several containers by time, and searched", func(t *testing.T) {
		c := on(t, c)
		c.Must("run", "-d", "--name", "one", busybox, "sh", "-c", "echo first; while [ ! -e /go ]; do sleep 0.05; done; echo third; echo fourth >&2")
		harness.Eventually(t, "the first line", func() error { return says(c, "one", "first") })
		c.Must("run", "--name", "another", busybox, "echo", "second")
		c.Must("exec", "one", "touch", "/go")
		c.Must("wait", "one")
		r := c.Run("logs", "one", "another")
		if r.Stdout != "one     | first\nanother | second\none     | third\n" || r.Stderr != "one     | fourth\n" {
			t.Errorf("got %+v", r)
		}
		c.Prints("first\nthird", "logs", "--grep", "r.+t|th.rd$", "one")
		c.Fails(1, "invalid value for \"grep\"", "logs", "--grep", "(", "one")
		follow := c.Begin("logs", "-f", "one", "another")
		if r := follow.Ends(); !strings.Contains(r.Stdout, "another | second") || r.Code != 0 {
			t.Errorf("followed to the end: %+v", r)
		}
	})
	t.Run("explain", func(t *testing.T) {
		c := on(t, c)
		c.Run("run", "--name", "failed", busybox, "sh", "-c", "echo no such table >&2; exit 7")
		if got := c.Must("explain", "failed"); !strings.Contains(got, "7") || !strings.Contains(got, "no such table") {
			t.Errorf("explained as %q", got)
		}
		c.Fails(1, "No such container", "explain", "nope")
	})
	t.Run("health by TCP and HTTP, with what a failure does", func(t *testing.T) {
		c := on(t, c)
		c.Must("run", "-d", "--name", "web", "--health-http", "http://127.0.0.1:80/passwd", "--health-interval", "100ms", busybox, "httpd", "-f", "-h", "/etc")
		c.Must("run", "-d", "--name", "deaf", "--health-tcp", "127.0.0.1:81", "--health-interval", "100ms", "--health-retries", "2", "--health-on-failure", "kill", busybox, "sleep", "1000")
		harness.Eventually(t, "the web server is healthy", func() error {
			if got := c.Must("inspect", "-f", "{{.State.Health.Status}}", "web"); got != "healthy" {
				return fmt.Errorf("it is %s", got)
			}
			return nil
		})
		c.Prints("137", "wait", "deaf")
		if got := c.Must("inspect", "-f", "{{json .Config.Healthcheck}}", "deaf"); !strings.Contains(got, `"TCP","127.0.0.1:81"`) {
			t.Errorf("the health check is %s", got)
		}
	})
}

// says is nil when a container's log holds a text.
func says(c harness.Client, name, text string) error {
	r := c.Run("logs", name)
	if !strings.Contains(r.Stdout, text) {
		return fmt.Errorf("the log of %s is %q", name, r.Stdout)
	}
	return nil
}

//go:build linux

package integration

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"

	"berth/test/harness"
)

func TestAPublishedPortIsReachedFromTheHostAndFromOutside(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	outside := d.Outside()
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		name, port := "web-"+c.Name, strconv.Itoa(d.Port(0))
		c.Must("run", "-d", "--name", name, "-p", port+":80", "berth/hello", "serve", ":80")
		for _, url := range []string{"http://127.0.0.1:" + port, "http://" + d.Gateway() + ":" + port} {
			if body := harness.Get(t, url); !strings.Contains(strings.ToLower(body), "hello") {
				t.Errorf("%s answers %q", url, body)
			}
		}
		if body := outside.Get("http://" + net.JoinHostPort(outside.Host, port)); !strings.Contains(strings.ToLower(body), "hello") {
			t.Errorf("outside sees %q", body)
		}
		if got := c.Must("ps", "--format", "{{.Ports}}", "--filter", "name="+name); !strings.Contains(got, ":"+port+"->80/tcp") {
			t.Errorf("ps shows the ports %q", got)
		}
		c.Must("rm", "-f", name)
	})
}

func TestAPortOfAnAddressIsReachedThereAlone(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	outside := d.Outside()
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		id := c.Must("run", "-d", "-p", "127.0.0.1::80", "berth/hello", "serve", ":80")
		port := c.Must("inspect", "-f", `{{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}}`, id)
		harness.Get(t, "http://127.0.0.1:"+port)
		if conn, err := outside.Dial(t.Context(), net.JoinHostPort(outside.Host, port)); err == nil {
			conn.Close()
			t.Error("a port of 127.0.0.1 is reached from outside")
		}
		c.Must("rm", "-f", id)
	})
}

func TestATakenPortIsRefusedAndFreedByItsOwnersRemoval(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		port := strconv.Itoa(d.Port(1))
		first := c.Must("run", "-d", "-p", port+":80", "berth/hello", "serve", ":80")
		c.Fails(125, "port is already allocated", "run", "-d", "--name", "late-"+c.Name, "-p", port+":80", "berth/hello", "serve", ":80")
		// As Docker leaves it: made, not started.
		c.Prints("created", "inspect", "-f", "{{.State.Status}}", "late-"+c.Name)
		c.Must("rm", "-f", first)
		c.Must("start", "late-"+c.Name)
		harness.Get(t, "http://127.0.0.1:"+port)
		c.Must("rm", "-f", "late-"+c.Name)

		l, err := net.Listen("tcp4", fmt.Sprintf("0.0.0.0:%d", d.Port(2)))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		c.Fails(125, "", "run", "--rm", "-p", strconv.Itoa(d.Port(2))+":80", "berth/hello")
		c.Prints("", "ps", "-aq")
	})
}

//go:build linux

package integration

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/websocket"

	"berth/test/harness"
)

// socket attaches over a websocket.
func socket(t *testing.T, path, target string) (*websocket.Conn, error) {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(context.Background(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(harness.Patience)); err != nil {
		t.Fatal(err)
	}
	config, err := websocket.NewConfig("ws://engine/v1.41/containers/"+target, "http://elsewhere")
	if err != nil {
		t.Fatal(err)
	}
	ws, err := websocket.NewClient(config, conn)
	if err == nil {
		ws.PayloadType = websocket.BinaryFrame
	}
	return ws, err
}

// untilText reads until a text has come, and returns all.
func untilText(t *testing.T, ws io.Reader, text string) string {
	t.Helper()
	var all strings.Builder
	b := make([]byte, 4096)
	for !strings.Contains(all.String(), text) {
		n, err := ws.Read(b)
		all.Write(b[:n])
		if err != nil {
			t.Fatalf("%q, and then %v", all.String(), err)
		}
	}
	return all.String()
}

func TestAttachOverAWebsocketDoesAsDockers(t *testing.T) {
	t.Parallel()
	docker := harness.StartDockerd(t)
	d := harness.Start(t)
	busybox := d.Busybox()
	for name, at := range map[string]struct {
		c    harness.Client
		path string
	}{"docker": {docker.Client(t), docker.Socket()}, "berth": {d.Client(t, "docker"), d.Socket()}} {
		t.Run(name, func(t *testing.T) {
			c := on(t, at.c)
			c.Must("run", "-d", "-i", "--name", "cat", busybox, "sh", "-c", "echo before; read x; echo got $x; read x; echo more >&2; read x; exit 7")
			harness.Eventually(t, "its first line", func() error {
				if out := c.Must("logs", "cat"); out != "before" {
					return fmt.Errorf("it says %q", out)
				}
				return nil
			})
			ws, err := socket(t, at.path, "cat/attach/ws?stream=1&logs=1&stdin=1&stdout=1&stderr=1")
			if err != nil {
				t.Fatal(err)
			}
			if seen := untilText(t, ws, "before\n"); seen != "before\n" {
				t.Errorf("logs: %q", seen)
			}
			fmt.Fprint(ws, "it\n")
			if seen := untilText(t, ws, "\n"); seen != "got it\n" {
				t.Errorf("stdout: %q", seen)
			}
			fmt.Fprint(ws, "\n")
			if seen := untilText(t, ws, "\n"); seen != "more\n" {
				t.Errorf("stderr: %q", seen)
			}
			fmt.Fprint(ws, "end\n")
			if rest, err := io.ReadAll(ws); err != nil || len(rest) != 0 {
				t.Errorf("the end: %q, %v", rest, err)
			}
			if code := c.Must("wait", "cat"); code != "7" {
				t.Errorf("exit code %s", code)
			}

			c.Must("run", "-dit", "--name", "shell", busybox, "sh", "-c", "while read x; do echo [$x]; done")
			ws, err = socket(t, at.path, "shell/attach/ws?stream=1&stdin=1&stdout=1&detachKeys=ctrl-x,y")
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprint(ws, "a\n")
			untilText(t, ws, "[a]\r\n")
			fmt.Fprint(ws, "\x18")
			fmt.Fprint(ws, "y")
			if _, err := io.ReadAll(ws); err != nil {
				t.Errorf("after the detach keys: %v", err)
			}
			if state := c.Must("inspect", "-f", "{{.State.Status}}", "shell"); state != "running" {
				t.Errorf("after the detach keys it is %s", state)
			}
			for _, target := range []string{"nobody/attach/ws", "shell/attach/ws?detachKeys=bogus"} {
				var refused *websocket.DialError
				if _, err := socket(t, at.path, target); err == nil || errors.As(err, &refused) {
					t.Errorf("%s: %v", target, err)
				}
			}
		})
	}
	for _, target := range []string{"nobody/attach/ws", "shell/attach/ws?detachKeys=bogus"} {
		a, b := docker.Ask(t, "GET", "/v1.41/containers/"+target, ""), d.Ask(t, "GET", "/v1.41/containers/"+target, "")
		if a != b {
			t.Errorf("%s: Docker answers %v, berth %v", target, a, b)
		}
	}
}

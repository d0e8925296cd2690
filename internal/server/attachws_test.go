package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"golang.org/x/net/websocket"

	"berth/internal/container"
	"berth/internal/fault"
)

// overSocket opens a websocket over a connection.
func overSocket(t *testing.T, conn net.Conn, target string) *websocket.Conn {
	t.Helper()
	config, err := websocket.NewConfig("ws://berth"+target, "http://elsewhere")
	if err != nil {
		t.Fatal(err)
	}
	ws, err := websocket.NewClient(config, conn)
	if err != nil {
		t.Fatal(err)
	}
	return ws
}

func TestAWebsocketCarriesTheStreamsAsTheyAre(t *testing.T) {
	srv := start(t, &fake{attach: func(_ context.Context, o container.AttachOptions) error {
		in, out, errs, err := o.Open(false)
		if err != nil {
			return err
		}
		line := make([]byte, 5)
		if _, err := io.ReadFull(in, line); err != nil {
			return err
		}
		fmt.Fprintf(out, "%s on stdout, ", line)
		fmt.Fprint(errs, "more on stderr")
		return errors.New("what went wrong")
	}})
	ws := overSocket(t, dial(t, srv), "/v1.44/containers/x/attach/ws?stream=1&stdin=1&stdout=1&stderr=1&detachKeys=a")
	if _, err := ws.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if all, err := io.ReadAll(ws); err != nil || string(all) != "hello on stdout, more on stderrwhat went wrong\r\n" {
		t.Errorf("%q, %v", all, err)
	}
}

func TestAWebsocketHasTheStreamsAndFramesOfItsVersion(t *testing.T) {
	for _, c := range []struct {
		target string
		want   string
		binary bool
	}{
		{"/v1.44/containers/x/attach/ws?stream=1&stdout=1", "out", true},
		{"/v1.44/containers/x/attach/ws?stream=1", "", true},
		{"/v1.41/containers/x/attach/ws?stream=1", "in out err", true},
		{"/v1.27/containers/x/attach/ws?stream=1", "in out err", false},
	} {
		srv := start(t, &fake{attach: func(_ context.Context, o container.AttachOptions) error {
			in, out, errs, err := o.Open(false)
			var have []string
			for _, s := range []struct {
				name string
				any  bool
			}{{"in", in != nil}, {"out", out != nil}, {"err", errs != nil}} {
				if s.any {
					have = append(have, s.name)
				}
			}
			if text := strings.Join(have, " "); text != c.want {
				t.Errorf("%s has %q", c.target, text)
			}
			if out != nil {
				fmt.Fprint(out, "output")
			}
			return err
		}})
		ws := overSocket(t, dial(t, srv), c.target)
		frame, err := ws.NewFrameReader()
		if err != nil {
			t.Fatal(err)
		}
		if kind := frame.PayloadType(); c.want != "" && (kind == websocket.BinaryFrame) != c.binary {
			t.Errorf("%s has frames of type %d", c.target, kind)
		}
	}
}

func TestAWebsocketThatItsClientClosesEndsTheAttach(t *testing.T) {
	ended := make(chan error, 1)
	srv := start(t, &fake{attach: func(ctx context.Context, o container.AttachOptions) error {
		if _, _, _, err := o.Open(false); err != nil {
			return err
		}
		<-ctx.Done()
		ended <- ctx.Err()
		return ctx.Err()
	}})
	ws := overSocket(t, dial(t, srv), "/containers/x/attach/ws?stream=1&stdout=1")
	ws.Close()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestWhatIsNoWebsocketIsAnOrdinaryError(t *testing.T) {
	f := &fake{attach: echo(false)}
	srv := start(t, f)
	ask := func(headers string) string {
		t.Helper()
		conn := dial(t, srv)
		fmt.Fprintf(conn, "GET /containers/x/attach/ws HTTP/1.1\r\nHost: b\r\n%s\r\n", headers)
		head := make([]byte, 12)
		if _, err := io.ReadFull(conn, head); err != nil {
			t.Fatal(err)
		}
		return string(head)
	}
	if got := ask(""); got != "HTTP/1.1 400" {
		t.Errorf("no upgrade: %q", got)
	}
	if got := ask("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 1\r\n"); got != "HTTP/1.1 400" {
		t.Errorf("a broken handshake: %q", got)
	}
	f.failWith = fault.New(fault.NotFound, "No such container: x")
	if got := ask("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"); got != "HTTP/1.1 404" {
		t.Errorf("no container: %q", got)
	}
}

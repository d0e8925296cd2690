package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/websocket"

	"berth/internal/container"
	"berth/internal/fault"
	"berth/internal/server/compat"
)

// attachWS joins a container's streams over a websocket: output of both kinds as it comes,
// without frames of Docker's own.
func (r containerRoutes) attachWS(c *call) (err error) {
	ctx, cancel := r.life.lasting(c.r.Context())
	t := &socket{life: r.life, call: c, cancel: cancel, over: make(chan struct{}), closed: make(chan struct{})}
	defer t.finish(&err)
	wanted := func(stream string) bool { return !c.version.Has(compat.SocketStreams) || c.flag(stream) }
	return r.streams.Attach(ctx, c.name, container.AttachOptions{
		Logs:       c.flag("logs"),
		Stream:     c.flag("stream"),
		DetachKeys: c.query.Get("detachKeys"),
		Open: func(bool) (stdin io.Reader, stdout, stderr io.Writer, err error) {
			conn, err := t.open()
			if err != nil {
				return nil, nil, nil, err
			}
			if wanted("stdin") {
				stdin = untilGone{conn, cancel}
			} else {
				go drain(untilGone{conn, cancel})
			}
			if wanted("stdout") {
				stdout = conn
			}
			if wanted("stderr") {
				stderr = conn
			}
			return stdin, stdout, stderr, nil
		},
	})
}

// socket is a websocket of a client.
type socket struct {
	life   *lifetime
	call   *call
	cancel context.CancelFunc // ends the verb when the client is gone

	taken  bool // the connection is ours
	conn   *websocket.Conn
	over   chan struct{} // closed when the verb has ended
	closed chan struct{} // closed when the connection is
}

// open answers the client's handshake, once nothing else can fail.
func (t *socket) open() (*websocket.Conn, error) {
	if !strings.EqualFold(t.call.r.Header.Get("Upgrade"), "websocket") {
		return nil, fault.New(fault.Invalid, "not websocket protocol: the request does not ask to upgrade to one")
	}
	conn, buffered, err := t.life.takeOver(t.call.w)
	if err != nil {
		return nil, err
	}
	t.taken = true
	opened := make(chan *websocket.Conn)
	go func() {
		defer close(t.closed)
		websocket.Server{Handler: func(ws *websocket.Conn) {
			opened <- ws
			<-t.over
		}}.ServeHTTP(handedOver{t.call.w, conn, bufio.NewReadWriter(buffered, bufio.NewWriter(conn))}, t.call.r)
	}()
	select {
	case t.conn = <-opened:
	case <-t.closed: // a handshake that is none has been answered
		return nil, fault.New(fault.Invalid, "not websocket protocol")
	}
	t.conn.PayloadType = websocket.TextFrame
	if t.call.version.Has(compat.BinarySocket) {
		t.conn.PayloadType = websocket.BinaryFrame
	}
	return t.conn, nil
}

// finish ends the connection. An error from before it was taken over is an ordinary answer; one from
// after goes to the client as output.
func (t *socket) finish(err *error) {
	t.cancel()
	if !t.taken {
		return
	}
	defer t.life.streams.Done()
	if t.conn != nil {
		// A client that takes nothing does not get to hear more.
		_ = t.conn.SetDeadline(time.Now().Add(lingerTime))
		if *err != nil && !errors.Is(*err, context.Canceled) {
			_, _ = fmt.Fprintf(t.conn, "%v\r\n", *err)
		}
		if t.conn.WriteClose(websocketNormal) == nil { // unread bytes would take the end of the output with them
			stop := context.AfterFunc(t.life.ctx, func() { _ = t.conn.SetDeadline(time.Now()) })
			_, _ = io.Copy(io.Discard, t.conn)
			stop()
		}
	}
	*err = nil
	close(t.over)
	<-t.closed
}

// websocketNormal is the status of an end that was to be expected (RFC 6455, 7.4.1).
const websocketNormal = 1000

// handedOver gives a connection that has been taken over to who wants to do it.
type handedOver struct {
	http.ResponseWriter
	conn net.Conn
	rw   *bufio.ReadWriter
}

func (h handedOver) Hijack() (net.Conn, *bufio.ReadWriter, error) { return h.conn, h.rw, nil }

// untilGone reads what a client sends; a websocket's end is the client's.
type untilGone struct {
	io.Reader
	gone context.CancelFunc
}

func (u untilGone) Read(p []byte) (int, error) {
	n, err := u.Reader.Read(p)
	if err != nil {
		u.gone()
	}
	return n, err
}

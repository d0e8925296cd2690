package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"

	"berth/internal/fault"
	"berth/internal/server/compat"
	"berth/internal/server/frames"

	"github.com/moby/moby/api/types"
)

// stream is a connection taken over from HTTP.
type stream struct {
	life   *lifetime
	call   *call
	cancel context.CancelFunc // ends the verb when the client is gone

	conn   net.Conn    // nil until open
	stderr io.Writer   // where an error goes once open
	told   http.Header // sent along; Docker does it at an exec and not at an attach
	watch  *os.File    // second descriptor of conn, for the hang-up watch
}

// open takes the connection over, answers the status line and returns its streams.
// It is what the verbs call once nothing but the streams can fail.
func (t *stream) open(tty bool) (stdin io.Reader, stdout, stderr io.Writer, err error) {
	conn, buffered, err := t.life.takeOver(t.call.w)
	if err != nil {
		return nil, nil, nil, err
	}
	t.conn = conn
	var head strings.Builder
	head.WriteString(t.statusLine(tty))
	_ = t.told.Write(&head) // a Builder takes everything
	if _, err := io.WriteString(conn, head.String()+"\r\n"); err != nil {
		return nil, nil, nil, fault.Wrap(fault.Cancelled, err, "the client is gone")
	}
	stdout, stderr = frames.Outputs(conn, tty)
	t.stderr = stderr
	t.watchHangup()
	return drained(buffered, conn), stdout, stderr, nil
}

// statusLine is the answer to a request for a stream. Only clients that asked for
// an upgrade are told about frames.
func (t *stream) statusLine(tty bool) string {
	if _, upgrade := t.call.r.Header["Upgrade"]; !upgrade {
		return "HTTP/1.1 200 OK\r\nContent-Type: " + types.MediaTypeRawStream + "\r\n"
	}
	kind := types.MediaTypeRawStream
	if !tty && t.call.version.Has(compat.MultiplexedType) {
		kind = types.MediaTypeMultiplexedStream
	}
	return "HTTP/1.1 101 UPGRADED\r\nContent-Type: " + kind + "\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
}

// finish ends the stream. An error from before it was open is an ordinary answer;
// one from after goes to the client's stderr. It is deferred, so that a panic in
// the verb gives the connection back too.
func (t *stream) finish(err *error) {
	t.cancel()
	if t.conn == nil {
		return
	}
	defer t.life.streams.Done()
	if *err != nil && t.stderr != nil && !errors.Is(*err, context.Canceled) {
		_, _ = fmt.Fprintf(t.stderr, "%v\r\n", *err)
	}
	*err = nil
	if t.watch != nil {
		_ = t.watch.Close()
	}
	t.life.linger(t.conn)
}

// drained returns a reader of what is buffered and then of the connection itself,
// so that copies from it can be spliced.
func drained(buffered *bufio.Reader, conn net.Conn) io.Reader {
	n := buffered.Buffered()
	if n == 0 {
		return conn
	}
	head, _ := buffered.Peek(n)
	return &prefixed{head: head, conn: conn}
}

type prefixed struct {
	head []byte
	conn net.Conn
}

func (p *prefixed) Read(b []byte) (int, error) {
	if len(p.head) == 0 {
		return p.conn.Read(b)
	}
	n := copy(b, p.head)
	p.head = p.head[n:]
	return n, nil
}

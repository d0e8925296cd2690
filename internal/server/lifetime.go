package server

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"berth/internal/fault"
)

// lifetime knows the connections that were taken over from HTTP, which net/http
// does not end when the server shuts down.
type lifetime struct {
	ctx     context.Context // ends when streams must
	end     context.CancelFunc
	streams sync.WaitGroup // hijacked connections
	closing sync.Mutex     // held to add to streams, or to stop that
	closed  bool
}

func newLifetime() *lifetime {
	l := &lifetime{}
	l.ctx, l.end = context.WithCancel(context.Background())
	return l
}

// stop refuses new streams and tells those that are there to end.
func (l *lifetime) stop() {
	l.closing.Lock()
	l.closed = true
	l.closing.Unlock()
	l.end()
}

// wait returns when all streams have ended, or with ctx's error.
func (l *lifetime) wait(ctx context.Context) error {
	done := make(chan struct{})
	go func() { l.streams.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// lasting returns a context for a stream: it ends with the server or with cancel,
// and not when the client closes its write side (net/http takes that for a client
// that is gone).
func (l *lifetime) lasting(ctx context.Context) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(l.ctx, cancel)
	return out, func() { stop(); cancel() }
}

// lingerTime is how long a client may take to close its side after ours.
const lingerTime = 2 * time.Second

// linger closes the write side, reads what the client still sends, and closes.
// Closing with unread bytes would reset the connection, and the client could lose
// the end of the output.
func (l *lifetime) linger(conn net.Conn) {
	defer context.AfterFunc(l.ctx, func() { _ = conn.Close() })()
	if half, ok := conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		_ = conn.SetReadDeadline(time.Now().Add(lingerTime))
		_, _ = io.Copy(io.Discard, conn)
	}
	_ = conn.Close()
}

// takeOver hijacks a connection and counts it. The reader holds what net/http has
// already read of the client's stream.
func (l *lifetime) takeOver(w http.ResponseWriter) (net.Conn, *bufio.Reader, error) {
	l.closing.Lock()
	if l.closed {
		l.closing.Unlock()
		return nil, nil, fault.New(fault.Unavailable, "the daemon is shutting down")
	}
	l.streams.Add(1)
	l.closing.Unlock()
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		l.streams.Done()
		return nil, nil, fault.Wrap(fault.Internal, err, "cannot take over the connection")
	}
	return conn, rw.Reader, nil
}

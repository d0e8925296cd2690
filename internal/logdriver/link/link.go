// Package link is a connection to where a log is sent: made again when it
// breaks, and never waited for longer than it says.
package link

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"berth/internal/fault"
)

// What a log waits for at most, and so a container whose log is blocking.
const (
	DialTime  = 5 * time.Second
	WriteTime = 10 * time.Second // until the other side takes what was written
	// After a failure the remote is left alone for this long, then twice, up to the second.
	firstPause, longestPause = 100 * time.Millisecond, 10 * time.Second
)

// Dial makes a connection.
type Dial func(ctx context.Context) (net.Conn, error)

// To dials an address of a network.
func To(network, address string) Dial {
	return func(ctx context.Context) (net.Conn, error) {
		d := net.Dialer{Timeout: DialTime}
		return d.DialContext(ctx, network, address)
	}
}

// Retries say how often a write is tried anew, each time over a new connection.
type Retries struct {
	Count int
	Wait  func(try int) time.Duration // before the try, from 1
	// Patient says that the next write is tried as this one was, without a pause.
	Patient bool
}

// Link is a connection. Close may be called at any time, also while a Write waits.
type Link struct {
	dial    Dial
	retries Retries
	ctx     context.Context // done when the link is closed
	cancel  context.CancelFunc
	mu      sync.Mutex // guards conn
	conn    net.Conn
	pause   time.Duration // after the next failure
	retryAt time.Time     // before which nothing is tried
	made    time.Time     // when the connection was made
}

// New returns a link that connects with the first write.
func New(dial Dial, retries Retries) *Link {
	l := &Link{dial: dial, retries: retries, pause: firstPause}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l
}

// Connect connects now.
func (l *Link) Connect() error {
	_, err := l.connected()
	return err
}

// Done is closed with the link.
func (l *Link) Done() <-chan struct{} { return l.ctx.Done() }

// Age is how long ago the connection was made, 0 when there is none.
func (l *Link) Age() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn == nil {
		return 0
	}
	return time.Since(l.made)
}

func (l *Link) connected() (net.Conn, error) {
	l.mu.Lock()
	conn := l.conn
	l.mu.Unlock()
	if conn != nil && !ended(conn) {
		return conn, nil
	}
	l.Drop()
	conn, err := l.dial(l.ctx)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ctx.Err() != nil {
		conn.Close()
		return nil, net.ErrClosed
	}
	l.conn, l.made = conn, time.Now()
	return conn, nil
}

// Drop gives the connection up; the next write makes another.
func (l *Link) Drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != nil {
		l.conn.Close()
		l.conn = nil
	}
}

// Write sends b whole: what failed in the middle is sent again over a new
// connection, so that the other side may see its beginning twice. After it has failed,
// it fails at once until the pause is over: a remote that is away holds nobody up.
func (l *Link) Write(b []byte) (int, error) {
	err := l.Do(func(conn net.Conn) error {
		_, err := conn.Write(b)
		return err
	})
	if err != nil {
		return 0, err
	}
	return len(b), nil
}

// Do does with the connection what f says, as Write does. f has WriteTime.
func (l *Link) Do(f func(net.Conn) error) error {
	if time.Now().Before(l.retryAt) {
		return fault.New(fault.Unavailable, "the remote is away")
	}
	var err error
	for try := 0; ; try++ {
		var dialled bool
		if dialled, err = l.try(f); err == nil {
			l.pause = firstPause
			return nil
		}
		// Without a wait between them, a second try is for a connection that had broken unseen.
		if try >= l.retries.Count || !dialled && l.retries.Wait == nil || errors.Is(err, net.ErrClosed) || !l.wait(try+1) {
			break
		}
	}
	if l.retries.Patient {
		return fault.As(fault.Unavailable, err)
	}
	l.retryAt = time.Now().Add(l.pause)
	l.pause = min(2*l.pause, longestPause)
	return fault.As(fault.Unavailable, err)
}

// try does f once, and reports whether there was a connection for it.
func (l *Link) try(f func(net.Conn) error) (dialled bool, err error) {
	conn, err := l.connected()
	if err != nil {
		return false, err
	}
	if err = conn.SetDeadline(time.Now().Add(WriteTime)); err == nil {
		err = f(conn)
	}
	if err != nil {
		l.Drop()
		if l.ctx.Err() != nil {
			err = net.ErrClosed
		}
	}
	return true, err
}

// wait waits before another try, unless the link is closed.
func (l *Link) wait(try int) bool {
	if l.retries.Wait == nil {
		return l.ctx.Err() == nil
	}
	t := time.NewTimer(l.retries.Wait(try))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-l.ctx.Done():
		return false
	}
}

// Close ends the link, and every wait.
func (l *Link) Close() error {
	l.cancel()
	l.Drop()
	return nil
}

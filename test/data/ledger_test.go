//go:build linux

package data

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"berth/test/harness"
)

// server is a database: how it is run on /data with its socket in /s, and what has to find nothing
// wrong with it while it runs, and with its files when it has ended.
type server struct {
	name, socket, run string
	dial              func(net.Conn) (session, error)
	running, ended    [][]string
}

// session is a connection to one.
type session interface {
	put(n int64) error // what it returns nil for is never lost
	all() (map[int64]bool, error)
	close()
}

// ledger is what a server has acknowledged, kept outside of it by those who write to it all the time.
type ledger struct {
	socket string
	dial   func(net.Conn) (session, error)
	next   atomic.Int64

	mu    sync.Mutex
	acked map[int64]bool

	stop context.CancelFunc
	wg   sync.WaitGroup
}

const writers = 4

// keep begins to write to a server.
func keep(t *testing.T, s server, sockets string) *ledger {
	l := &ledger{socket: filepath.Join(sockets, s.socket), dial: s.dial, acked: map[int64]bool{}}
	ctx, cancel := context.WithCancel(context.Background())
	l.stop = cancel
	for range writers {
		l.wg.Go(func() { l.write(ctx) })
	}
	t.Cleanup(l.end)
	return l
}

func (l *ledger) end() {
	l.stop()
	l.wg.Wait()
}

// write goes on as long as it is answered, and begins again with whoever answers next.
func (l *ledger) write(ctx context.Context) {
	for ctx.Err() == nil {
		s, err := l.connect(ctx)
		if err != nil {
			time.Sleep(20 * time.Millisecond)
			continue
		}
		for err == nil && ctx.Err() == nil {
			n := l.next.Add(1)
			if err = s.put(n); err == nil {
				l.mu.Lock()
				l.acked[n] = true
				l.mu.Unlock()
			}
		}
		s.close()
	}
}

func (l *ledger) connect(ctx context.Context) (session, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "unix", l.socket)
	if err != nil {
		return nil, err
	}
	// A server that was killed closes its sockets. This ends a wait for one that hangs.
	if err := conn.SetDeadline(time.Now().Add(5 * time.Minute)); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	s, err := l.dial(conn)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return s, nil
}

func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acked)
}

// grows waits until the server has acknowledged more than it had.
func (l *ledger) grows(t *testing.T, when string) {
	t.Helper()
	before := l.count()
	harness.Eventually(t, "writes are acknowledged "+when, func() error {
		if now := l.count(); now < before+writers*10 {
			return fmt.Errorf("%d were, %d are", before, now)
		}
		return nil
	})
}

// holds compares what the server has with what it had acknowledged before it was asked.
func (l *ledger) holds(t *testing.T, when string) {
	t.Helper()
	l.has(t, l.sofar(), when)
}

// sofar is what has been acknowledged by now.
func (l *ledger) sofar() []int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Collect(maps.Keys(l.acked))
}

// has fails the test if any of these writes is missing.
func (l *ledger) has(t *testing.T, want []int64, when string) {
	t.Helper()
	var has map[int64]bool
	harness.Eventually(t, "the server answers "+when, func() error {
		s, err := l.connect(t.Context())
		if err != nil {
			return err
		}
		defer s.close()
		has, err = s.all()
		return err
	})
	lost := 0
	for _, n := range want {
		if !has[n] {
			lost++
		}
	}
	if lost > 0 {
		t.Errorf("%s %d of %d acknowledged writes are lost", when, lost, len(want))
	}
}

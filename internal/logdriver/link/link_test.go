package link

import (
	"bufio"
	"context"
	"errors"
	"net"
	"runtime"
	"testing"
	"time"

	"berth/internal/fault"
)

func listen(t *testing.T) *net.TCPListener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.(*net.TCPListener)
}

func accept(t *testing.T, l *net.TCPListener) *net.TCPConn {
	t.Helper()
	l.SetDeadline(time.Now().Add(time.Minute))
	conn, err := l.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func line(t *testing.T, conn net.Conn) string {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(time.Minute))
	s, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAConnectionThatTheOtherSideHasClosedIsMadeAgainBeforeAWriteIsLost(t *testing.T) {
	for _, reset := range []bool{false, true} {
		server := listen(t)
		l := New(To("tcp", server.Addr().String()), Retries{Count: 1})
		defer l.Close()
		if _, err := l.Write([]byte("one\n")); err != nil {
			t.Fatal(err)
		}
		first := accept(t, server)
		if got := line(t, first); got != "one\n" {
			t.Error(got)
		}
		if reset {
			first.SetLinger(0)
		}
		first.Close()
		for !ended(l.conn) { // until it has come here
			runtime.Gosched()
		}
		if _, err := l.Write([]byte("two\n")); err != nil {
			t.Fatal(err)
		}
		if got := line(t, accept(t, server)); got != "two\n" {
			t.Error(got)
		}
	}
}

func TestARemoteThatIsAwayIsLeftAloneForAWhile(t *testing.T) {
	server := listen(t)
	address := server.Addr().String()
	server.Close()
	dials := 0
	to := To("tcp", address)
	l := New(func(c context.Context) (net.Conn, error) { dials++; return to(c) }, Retries{Count: 1})
	defer l.Close()
	for range 1000 {
		if _, err := l.Write([]byte("x\n")); !fault.Is(err, fault.Unavailable) {
			t.Fatal(err)
		}
	}
	if dials > 10 {
		t.Errorf("it was tried %d times", dials)
	}
}

func TestClosingEndsAWriteThatWaits(t *testing.T) {
	for name, retries := range map[string]Retries{
		"for the other side to read": {Count: 1},
		"for another try":            {Count: 1000, Wait: func(int) time.Duration { return time.Hour }},
	} {
		server := listen(t)
		to := To("tcp", server.Addr().String())
		dialled := make(chan struct{}, 1)
		l := New(func(c context.Context) (net.Conn, error) {
			select {
			case dialled <- struct{}{}:
			default:
			}
			if retries.Wait != nil {
				return nil, errors.New("away")
			}
			return to(c)
		}, retries)
		end := make(chan error, 1)
		go func() {
			for {
				if _, err := l.Write(make([]byte, 1<<20)); err != nil {
					end <- err
					return
				}
			}
		}()
		<-dialled
		l.Close()
		if err := <-end; err == nil {
			t.Errorf("%s: no error", name)
		}
		if _, err := l.Write([]byte("x")); err == nil {
			t.Errorf("%s: a closed link was written to", name)
		}
	}
}

//go:build linux

package integration

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"berth/test/harness"
)

// stalling is a registry that takes half a mebibyte of the first layer and then no more, and counts what it takes.
type stalling struct {
	behind  http.Handler
	stalled atomic.Bool
	taken   atomic.Int64
	release chan struct{} // closed when the client has gone: a body that nobody reads does not tell
}

const beforeTheStall = 512 << 10

func (s *stalling) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPatch {
		r.Body = &slowing{ReadCloser: r.Body, of: s, stalls: r.ContentLength > 2*beforeTheStall && s.stalled.CompareAndSwap(false, true)}
	}
	s.behind.ServeHTTP(w, r)
}

type slowing struct {
	io.ReadCloser
	of     *stalling
	stalls bool
	n      int
}

func (b *slowing) Read(p []byte) (int, error) {
	if b.stalls && b.n >= beforeTheStall {
		<-b.of.release
		return 0, io.ErrUnexpectedEOF
	}
	n, err := b.ReadCloser.Read(p)
	b.n += n
	b.of.taken.Add(int64(n))
	return n, err
}

func TestAPushWhoseDaemonIsKilledGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	_, host := served(t, d.Client(t, "berth"))
	s := &stalling{behind: httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: host}), release: make(chan struct{})}
	front := httptest.NewServer(s)
	t.Cleanup(front.Close)
	release := sync.OnceFunc(func() { close(s.release) })
	t.Cleanup(release) // before the server's end, which waits for it
	name := strings.TrimPrefix(front.URL, "http://") + "/a/noise:1"
	c := d.Client(t, "docker")
	c.In(bytes.NewReader(noise(t))).Must("import", "-", name)
	push := c.Begin("push", name)
	harness.Eventually(t, "half of a layer has gone", func() error {
		if n := s.taken.Load(); n < beforeTheStall {
			return fmt.Errorf("%d bytes", n)
		}
		return nil
	})
	d.Kill9()
	release()
	push.Ends()
	d.StartAgain()
	s.taken.Store(0)
	c.Must("push", name)
	if n := s.taken.Load(); n > 2<<20-beforeTheStall/2 {
		t.Errorf("the next push sent %d bytes: it began anew", n)
	}
	c.Must("rmi", name)
	c.Must("pull", name)
}

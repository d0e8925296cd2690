package engine

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"testing"

	"berth/internal/fault"
)

func TestAddressesOfDaemonsAreRead(t *testing.T) {
	for in, want := range map[string]string{
		"unix:///x": "unix:///x", "unix://": DefaultHost, "tcp://h:1": "tcp://h:1", "tcp://h": "tcp://h:2375", "tcp://:5": "tcp://localhost:5",
		"h:1": "tcp://h:1", "tcp://[::1]:5/p/": "tcp://[::1]:5/p", "tcp://": "tcp://localhost:2375",
	} {
		if got, err := ParseHost(in, false); err != nil || got.String() != want {
			t.Errorf("%q: %s %v", in, got, err)
		}
	}
	for in, kind := range map[string]fault.Kind{"foo://x": fault.Invalid, "ssh://x": fault.Unsupported, "tcp://h:x": fault.Invalid, "unix://tcp://x": fault.Invalid} {
		if got, err := ParseHost(in, false); !fault.Is(err, kind) {
			t.Errorf("%q: %s %v", in, got, err)
		}
	}
	if got, _ := ParseHost("tcp://h", true); got.String() != "tcp://h:2376" {
		t.Errorf("with TLS %s", got)
	}
}

// serve answers on a unix socket.
func serve(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	c, err := New(Options{Host: "unix://" + path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestAnswersBecomeKindsOfErrors(t *testing.T) {
	status := 0
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"message":"no"}`)
	})
	for s, kind := range map[int]fault.Kind{400: fault.Invalid, 404: fault.NotFound, 409: fault.Conflict, 401: fault.Unauthorized, 403: fault.Forbidden, 501: fault.Unsupported, 503: fault.Unavailable, 500: fault.Internal} {
		status = s
		err := c.Containers().Start(context.Background(), "x")
		if !fault.Is(err, kind) || err.Error() != "Error response from daemon: no" {
			t.Errorf("%d: %v", s, err)
		}
		if _, err := c.Containers().Attach(context.Background(), "x", AttachOptions{}); !fault.Is(err, kind) || err.Error() != "Error response from daemon: no" {
			t.Errorf("hijack %d: %v", s, err)
		}
	}
}

func TestNamesAreEscapedInPaths(t *testing.T) {
	var path string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) { path = r.RequestURI; _, _ = io.WriteString(w, "{}") })
	_, _ = c.Images().InspectRaw(context.Background(), "reg.io:5/a/b:x?y", "")
	if path != "/v"+MaxAPIVersion+"/images/reg.io:5/a/b:x%3Fy/json" {
		t.Errorf("path %q", path)
	}
	_, _ = c.Containers().InspectRaw(context.Background(), "a/b?", true)
	if path != "/v"+MaxAPIVersion+"/containers/a%2Fb%3F/json?size=1" {
		t.Errorf("path %q", path)
	}
}

func TestAHijackedConnectionPassesABigStreamBothWays(t *testing.T) {
	const size = 8 << 20
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		conn, buf, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Close() }()
		// The old form: no upgrade, the answer is simply followed by the stream.
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\nahead ")
		_, _ = io.Copy(conn, buf)
	})
	s, err := c.Containers().Attach(context.Background(), "x", AttachOptions{Stdin: true, Stdout: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	go func() {
		_, _ = io.CopyN(s, zeros{}, size)
		_ = s.CloseWrite()
	}()
	n, err := io.Copy(io.Discard, s)
	if err != nil || n != size+int64(len("ahead ")) || s.Framed() {
		t.Errorf("%d bytes, %v", n, err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestACancelledRequestEndsWithItsCause(t *testing.T) {
	block := make(chan struct{})
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-block:
		case <-r.Context().Done():
		}
	})
	defer close(block)
	cause := errors.New("signal")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(cause)
	if err := c.Containers().Start(ctx, "x"); !errors.Is(err, cause) {
		t.Errorf("%v", err)
	}
}

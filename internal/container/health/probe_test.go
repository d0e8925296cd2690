package health

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"berth/internal/fault"
	"berth/internal/linux/netns"
)

// room is a container with a network of its own, in which programs are functions.
type room struct {
	ns  *os.File
	run func(ctx context.Context, argv []string, out io.Writer) (int, error)
}

func (r room) Start(_ context.Context, argv []string, out io.Writer) (func(context.Context) (int, error), error) {
	if argv[0] == "missing" {
		return nil, errors.New("there is no such program")
	}
	return func(ctx context.Context) (int, error) { return r.run(ctx, argv, out) }, nil
}

func (r room) NetNS() (*os.File, error) { return os.Open(fmt.Sprintf("/proc/self/fd/%d", r.ns.Fd())) }

// once probes once.
func once(t *testing.T, c Check, target Target) Result {
	t.Helper()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	p, err := c.probe(nil)
	if err != nil {
		t.Fatal(err)
	}
	r, ok := c.run(t.Context(), p, target)
	if !ok {
		t.Fatal("the engine could not probe")
	}
	return r
}

func TestAProgramsExitCodeAndOutputAreTheResult(t *testing.T) {
	target := room{run: func(ctx context.Context, argv []string, out io.Writer) (int, error) {
		fmt.Fprint(out, strings.Join(argv, "|"))
		switch argv[len(argv)-1] {
		case "hangs":
			<-ctx.Done()
			return -1, ctx.Err()
		case "talks":
			fmt.Fprint(out, strings.Repeat("x", 5000))
		}
		return len(argv) % 2, nil
	}}
	long := "talks" + strings.Repeat("x", 5000)
	for _, c := range []struct {
		check Check
		code  int
		out   string
	}{
		{Check{Test: []string{"CMD", "a", "b"}}, 0, "a|b"},
		{Check{Test: []string{"CMD", "a"}}, 1, "a"},
		{Check{Test: []string{"CMD-SHELL", "a || b"}}, 1, "/bin/sh|-c|a || b"},
		{Check{Test: []string{"CMD", "missing"}}, -1, "there is no such program"},
		{Check{Test: []string{"CMD", "hangs"}, Timeout: time.Millisecond}, -1, "Health check exceeded timeout (1ms): hangs"},
		{Check{Test: []string{"CMD", "talks"}}, 1, long[:4096] + "..."},
	} {
		r := once(t, c.check, target)
		if r.ExitCode != c.code || r.Output != c.out || r.Start.IsZero() || r.End.Before(r.Start) {
			t.Errorf("%v: %+v", c.check.Test, r)
		}
	}
}

// network is a network namespace in which a handler is served, and a listener
// that answers nothing.
func network(t *testing.T, h http.Handler) (target room, served, silent net.Addr) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("a network namespace needs root")
	}
	ns, err := netns.New(func(*os.File) error { return netns.Loopback() })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
	var listeners []net.Listener
	for range 2 {
		err := netns.Do(ns, func() error {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			listeners = append(listeners, l)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	server := &http.Server{Handler: h}
	go server.Serve(listeners[0])
	t.Cleanup(func() { server.Close(); listeners[1].Close() })
	return room{ns: ns}, listeners[0].Addr(), listeners[1].Addr()
}

func TestProbesWithoutAProgramDialInsideTheContainersNetwork(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "fine, ", r.Host) })
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://192.0.2.1/", http.StatusFound)
	})
	mux.HandleFunc("/bad", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no database", http.StatusServiceUnavailable)
	})
	mux.HandleFunc("/large", func(w http.ResponseWriter, _ *http.Request) { io.Copy(w, io.LimitReader(zeros{}, 1<<20)) })
	mux.HandleFunc("/header", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 1<<20)) })
	target, served, silent := network(t, mux)
	at := func(path string) []string { return []string{"HTTP", "http://" + served.String() + path} }
	_, port, err := net.SplitHostPort(served.String())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		test []string
		code int
		says string
	}{
		{at("/ok"), 0, "HTTP/1.1 200 OK\nfine, " + served.String()},
		{[]string{"HTTP", "http://localhost:" + port + "/ok"}, 0, "fine, localhost:" + port},
		{at("/away"), 0, "302 Found"},
		{at("/bad"), 1, "HTTP/1.1 503 Service Unavailable\nno database"},
		{at("/large"), 0, "..."},
		{at("/header"), 1, "header"},
		{[]string{"HTTP", "http://" + silent.String() + "/"}, -1, "Health check exceeded timeout (300ms)"},
		{[]string{"HTTP", "http://localhost:1/"}, 1, "dial tcp 127.0.0.1:1: connect: connection refused"},
		{[]string{"TCP", served.String()}, 0, "connected to " + served.String()},
		{[]string{"TCP", "localhost:" + port}, 0, "connected"},
		{[]string{"TCP", silent.String()}, 0, "connected"},
		{[]string{"TCP", "127.0.0.1:1"}, 1, "dial tcp 127.0.0.1:1: connect: connection refused"},
		{[]string{"TCP", "[::1]:1"}, 1, "dial tcp [::1]:1: connect:"},
		{[]string{"TCP", "192.0.2.1:1"}, 1, "dial tcp 192.0.2.1:1: connect: network is unreachable"},
	} {
		r := once(t, Check{Test: c.test, Timeout: 300 * time.Millisecond}, target)
		if r.ExitCode != c.code || !strings.Contains(r.Output, c.says) || len(r.Output) > maxOutput+3 {
			t.Errorf("%v: %d %.200q", c.test, r.ExitCode, r.Output)
		}
	}
	if conn, err := net.DialTimeout("tcp", served.String(), time.Second); err == nil {
		conn.Close()
		t.Error("the listener is in the host's network too: the probes prove nothing")
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestAMonitorReportsEveryProbeUntilItIsStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	states := make(chan State)
	m := &Monitor{
		Check:  &Check{Test: []string{"CMD", "x"}, Interval: time.Millisecond, Retries: 2},
		Target: room{run: func(context.Context, []string, io.Writer) (int, error) { n++; return min(1, n/2), nil }},
		Report: func(s State) { states <- s },
	}
	ended := make(chan struct{})
	go func() { defer close(ended); m.Run(ctx, State{}.Begun()) }()
	for _, want := range []State{{Status: Healthy}, {Status: Healthy, FailingStreak: 1}, {Status: Unhealthy, FailingStreak: 2}} {
		if got := <-states; got.Status != want.Status || got.FailingStreak != want.FailingStreak {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	cancel()
	for {
		select {
		case <-states: // one that was on its way
			continue
		case <-ended:
		}
		return
	}
}

// absent is an engine that cannot start anything for a while.
type absent struct {
	Target
	left int
}

func (a *absent) Start(context.Context, []string, io.Writer) (func(context.Context) (int, error), error) {
	if a.left--; a.left >= 0 {
		return nil, fault.New(fault.Unavailable, "the keeper is away")
	}
	return func(context.Context) (int, error) { return 0, nil }, nil
}

func TestAProbeThatTheEngineCannotMakeSaysNothingOfTheContainer(t *testing.T) {
	check := &Check{Test: []string{"CMD", "true"}, Interval: time.Millisecond, Retries: 1}
	states := make(chan State, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	m := &Monitor{Check: check, Target: &absent{left: 1}, Started: time.Now(), Report: func(s State) { states <- s; cancel() }}
	go m.Run(ctx, State{}.Begun())
	if s := <-states; s.Status != Healthy || len(s.Log) != 1 {
		t.Errorf("the first that is told is %+v", s)
	}
}

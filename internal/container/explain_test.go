package container

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"berth/internal/container/config"
	"berth/internal/container/explain"
	"berth/internal/fault"
	"berth/internal/peer"
)

// explained is the explanation of a container on one line.
func (e *engine) explained(ref string) string {
	e.t.Helper()
	f, err := Explanations{e.Service}.Explain(context.Background(), ref)
	e.must(err)
	return strings.Join(explain.Sentences(&f, time.Now()), " ")
}

// caller is a context of a request that came through a socket.
func caller(t *testing.T) context.Context {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); conn.Close() })
	return peer.With(context.Background(), conn)
}

func TestAnExplanationKnowsTheCodeTheLogAndWhoAsked(t *testing.T) {
	e := newEngine(t)
	failed := e.create("echo no config >&2; exit 3")
	e.start(failed)
	e.wait(failed, WaitNotRunning)
	if got := e.explained(failed); !strings.Contains(got, "with exit code 3") || !strings.Contains(got, "stderr: no config") {
		t.Error(got)
	}
	stopped := e.create("trap '' TERM; echo ready; while :; do sleep 0.01; done", func(r *config.CreateRequest) { r.HostConfig.AutoRemove = true })
	e.start(stopped)
	e.logged(stopped, "ready")
	before, err := e.Get(stopped)
	e.must(err)
	zero := 0
	ctx := caller(t)
	e.must(e.Stop(ctx, stopped, StopOptions{Timeout: &zero}))
	e.eventually("it is removed", func() error { _, err := e.Get(stopped); return unless(err != nil) })
	e.eventually("that is told", func() error { return unless(strings.HasSuffix(e.told(stopped), "destroy")) })
	who := peer.From(ctx).String()
	for _, ref := range []string{before.Name, stopped[:12]} {
		if got := e.explained(ref); !strings.Contains(got, "There is no container "+before.Name+" any more") || !strings.Contains(got, who+" asked for the stop") || !strings.Contains(got, "was killed") {
			t.Error(got)
		}
	}
	if _, err := (Explanations{e.Service}).Explain(ctx, "nothing"); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
}

package container

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"berth/internal/container/config"
	"berth/internal/container/execs"
	"berth/internal/container/record"
	"berth/internal/container/usage"
	"berth/internal/fault"
)

// expected are the answers that a verb may give when others are faster.
func expected(err error) bool {
	return err == nil || fault.Is(err, fault.Conflict) || fault.Is(err, fault.NotFound) || fault.Is(err, fault.NotModified)
}

func TestManyClientsAtOnceLoseNothing(t *testing.T) {
	e := newEngine(t)
	const clients, rounds = 8, 7
	before := openFiles(t, "self")
	var wg sync.WaitGroup
	for client := range clients {
		r := rand.New(rand.NewPCG(1, uint64(client)))
		wg.Go(func() {
			for range rounds {
				e.storm(r)
			}
		})
	}
	wg.Wait()
	e.must(e.removeAll())
	e.host.Settle()
	e.eventually("all descriptors are given back", func() error {
		if now := openFiles(t, "self"); now > before+3 { // the runtime's own, and the go tool's
			return fault.New(fault.Internal, "%d instead of %d", now, before)
		}
		return nil
	})
}

func TestAnAttachThatMeetsARemovalEnds(t *testing.T) {
	e := newEngine(t)
	ctx := context.Background()
	for range 200 {
		c, err := e.Create(ctx, config.CreateRequest{Config: config.Config{Image: "busybox", Cmd: []string{"true"}}})
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() {
			ended <- (Streams{e.Service}).Attach(ctx, c.ID, AttachOptions{Stream: true, Open: writes(io.Discard, io.Discard)})
		}()
		e.must(e.Remove(ctx, c.ID, RemoveOptions{}))
		select {
		case err := <-ended:
			if !expected(err) {
				t.Fatal(err)
			}
		case <-time.After(patience):
			t.Fatal("the attach waits for ever")
		}
	}
}

func (e *engine) removeAll() error {
	for _, c := range e.List() {
		if err := e.Remove(context.Background(), c.ID, RemoveOptions{Force: true}); err != nil {
			return err
		}
	}
	return nil
}

func openFiles(t *testing.T, pid string) int {
	t.Helper()
	list, err := os.ReadDir("/proc/" + pid + "/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// storm is one container's life with several clients that disagree about it.
func (e *engine) storm(r *rand.Rand) {
	ctx := context.Background()
	scripts := []string{"exit 3", "echo hello; exec sleep 1000", "nothing-like-it", "trap 'exit 4' TERM; while :; do sleep 0.01; done", "cat"}
	req := config.CreateRequest{
		Config: config.Config{Image: "busybox", Cmd: []string{"sh", "-c", scripts[r.IntN(len(scripts))]}, OpenStdin: true, StdinOnce: true,
			Tty: r.IntN(4) == 0},
		HostConfig: config.HostConfig{NetworkMode: []string{"none", "bridge"}[r.IntN(2)], AutoRemove: r.IntN(2) == 0},
	}
	created, err := e.Create(ctx, req)
	if err != nil {
		e.t.Error(err)
		return
	}
	id := created.ID
	removed, err := e.Wait(ctx, id, WaitRemoved)
	if err != nil {
		e.t.Error(err)
		return
	}
	zero := 0
	verbs := []func() error{
		func() error { return e.Start(ctx, id) },
		func() error { return e.Start(ctx, id) },
		func() error { return e.Stop(ctx, id, StopOptions{Timeout: &zero}) },
		func() error { return e.Kill(ctx, id, "TERM") },
		func() error { return e.Kill(ctx, id, "") },
		func() error { return e.Remove(ctx, id, RemoveOptions{Force: true}) },
		func() error { return e.Remove(ctx, id, RemoveOptions{}) },
		func() error { e.List(); _, err := e.Get(id); return err },
		func() error {
			x, err := e.Execs().ExecCreate(ctx, id, record.ExecConfig{Cmd: []string{"echo", "x"}, AttachStdout: true})
			if err != nil {
				return err
			}
			err = e.Execs().ExecStart(ctx, x, execs.StartOptions{Open: writes(io.Discard, io.Discard)})
			if err != nil && e.gone(id) {
				return nil // it died under the exec
			}
			return err
		},
		func() error { return e.Changes().Pause(ctx, id) },
		func() error { return unlessInternal(e.Changes().Unpause(ctx, id), "is not paused") },
		func() error {
			return unlessInternal(e.Changes().Restart(ctx, id, StopOptions{Timeout: &zero}), "Cannot restart container")
		},
		func() error { return e.Changes().Rename(ctx, id, fmt.Sprintf("storm-%x", rand.Uint64())) },
		func() error {
			err := (Streams{e.Service}).Logs(ctx, id, LogOptions{Stdout: true, Stderr: true, Follow: true, Tail: -1, Open: writes(io.Discard, io.Discard)})
			if err != nil && e.gone(id) {
				return nil
			}
			return err
		},
	}
	verbs = append(verbs, e.uses(r, id)...)
	var wg sync.WaitGroup
	wg.Go(func() {
		err := (Streams{e.Service}).Attach(ctx, id, AttachOptions{Stream: true, Open: writes(io.Discard, io.Discard)})
		if !expected(err) {
			e.t.Errorf("attach: %v", err)
		}
	})
	for client := range 4 {
		mine := r.Perm(len(verbs))
		if client > 0 { // one of them removes
			mine = slices.DeleteFunc(mine, func(v int) bool { return v == 5 || v == 6 })
		}
		wg.Go(func() {
			for _, v := range mine {
				if err := verbs[v](); !expected(err) {
					e.t.Errorf("verb %d: %v", v, err)
				}
			}
		})
	}
	stopped := make(chan struct{})
	go func() { wg.Wait(); close(stopped) }()
	time.Sleep(time.Duration(r.IntN(60)) * time.Millisecond)
	e.Remove(ctx, id, RemoveOptions{Force: true})
	e.result(removed)
	select {
	case <-stopped:
	case <-time.After(patience):
		e.t.Error("a client waits for ever")
		_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 1) // who, and where
	}
}

// uses are the verbs about what a container uses. The stream ends with the container.
func (e *engine) uses(r *rand.Rand, id string) []func() error {
	ctx, pids, quiet := context.Background(), int64(50+r.IntN(9)), func(usage.Stats) error { return nil }
	return []func() error{
		func() error { return e.Usage().Stats(ctx, id, usage.StatsOptions{Stream: true}, quiet) },
		func() error { return e.Usage().Stats(ctx, id, usage.StatsOptions{OneShot: true}, quiet) },
		func() error { _, err := e.Usage().Top(ctx, id, ""); return err },
		func() error {
			return e.Changes().Update(ctx, id, config.Update{PidsLimit: &pids, Resources: config.Resources{Memory: 64 << 20, MemorySwap: 128 << 20}})
		},
	}
}

// unlessInternal passes over an error that is an Internal one for Docker's sake.
func unlessInternal(err error, words string) error {
	if fault.Is(err, fault.Internal) && strings.Contains(err.Error(), words) {
		return nil
	}
	return err
}

// gone reports that a container does not run any more.
func (e *engine) gone(id string) bool {
	c, err := e.Get(id)
	return err != nil || c.State != Running
}

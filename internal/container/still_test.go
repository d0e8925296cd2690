package container

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"berth/internal/fault"
)

func TestWhoIsHeldStandsStillAndNothingShowsIt(t *testing.T) {
	e := newEngine(t)
	ctx := context.Background()
	id := e.beating()
	idle := e.create("true")
	s := Stills{e.Service}
	stood, err := s.Hold(ctx, []string{id, idle, "snapshot of nobody", id}, time.Minute, func(context.Context) error {
		if c, _ := e.Get(id); c.State != Running {
			t.Errorf("it is %s", c.State)
		}
		if !e.isFrozen(id) {
			t.Error("it is not frozen")
		}
		if _, err := os.Stat(e.deps.Paths.Still(id)); err != nil {
			t.Error(err)
		}
		late, cancel := context.WithCancel(ctx)
		cancel()
		if err := e.Changes().Pause(late, id); !fault.Is(err, fault.Cancelled) {
			t.Errorf("a verb gets through: %v", err)
		}
		return nil
	})
	e.must(err)
	if stood <= 0 {
		t.Error(stood)
	}
	e.beatsOn(id)
	no := errors.New("no")
	if _, err := s.Hold(ctx, []string{id}, time.Minute, func(context.Context) error { return no }); !errors.Is(err, no) {
		t.Error(err)
	}
	e.beatsOn(id)
	e.must(e.Changes().Pause(ctx, id))
	stood, err = s.Hold(ctx, []string{id, idle}, time.Minute, func(context.Context) error { return nil })
	if stood != 0 || err != nil || !e.isFrozen(id) {
		t.Errorf("it stood for %v, %v", stood, err)
	}
	e.must(e.Changes().Unpause(ctx, id))
	e.beatsOn(id)
}

// beating starts a container that runs beats.
func (e *engine) beating() string {
	e.t.Helper()
	id := e.create(beats, withVolume)
	e.start(id)
	e.logged(id, "up")
	e.t.Cleanup(func() { // before the engine ends
		e.must(e.Remove(context.Background(), id, RemoveOptions{Force: true}))
		e.must(os.RemoveAll(filepath.Join(e.dir, "volumes/shared")))
	})
	return id
}

// beatsOn fails unless a container goes on and nothing is left of its having stood still.
func (e *engine) beatsOn(id string) {
	e.t.Helper()
	was := e.beat()
	e.eventually("its heart beats", func() error {
		if e.beat() == was {
			return fmt.Errorf("it stands at %s", was)
		}
		return nil
	})
	if _, err := os.Stat(e.deps.Paths.Still(id)); !errors.Is(err, os.ErrNotExist) {
		e.t.Errorf("the mark: %v", err)
	}
}

func TestWhoIsHeldTooLongGoesOnWhateverIsWaitedFor(t *testing.T) {
	e := newEngine(t)
	id := e.beating()
	_, err := Stills{e.Service}.Hold(context.Background(), []string{id}, time.Millisecond, func(ctx context.Context) error {
		<-ctx.Done()
		e.beatsOn(id) // while this is not over
		return nil
	})
	if !errors.Is(err, context.DeadlineExceeded) || !fault.Is(err, fault.Unavailable) {
		t.Error(err)
	}
	e.beatsOn(id)
}

func TestWhoIsKilledWhileHeldEnds(t *testing.T) {
	e := newEngine(t)
	ctx := context.Background()
	id := e.beating()
	next, err := e.Wait(ctx, id, WaitNotRunning)
	e.must(err)
	killed := make(chan error, 1)
	_, err = Stills{e.Service}.Hold(ctx, []string{id}, time.Minute, func(context.Context) error {
		x, err := e.index.Find(id)
		e.must(err)
		go func() { killed <- e.Kill(ctx, id, "KILL") }()
		for !x.live.Load().ending.Load() {
			time.Sleep(time.Millisecond)
		}
		return nil
	})
	e.must(err)
	e.must(<-killed)
	select {
	case r := <-next:
		if r.Code != 137 {
			t.Errorf("%+v", r)
		}
	case <-time.After(time.Minute):
		t.Error("it does not end")
	}
}

func TestWhoRunsIsNotIdle(t *testing.T) {
	e := newEngine(t)
	ctx := context.Background()
	id := e.create("exec sleep 1000")
	idle := e.create("true")
	s := Stills{e.Service}
	ran := false
	do := func() error { ran = true; return nil }
	e.must(s.Idle(ctx, []string{id, idle}, "it is in use", do))
	if !ran {
		t.Error("nothing was done")
	}
	e.start(id)
	ran = false
	c, _ := e.Get(id)
	if err := s.Idle(ctx, []string{idle, id}, "it is in use", do); !fault.Is(err, fault.Conflict) || err.Error() != "it is in use: stop "+c.Name+" first" || ran {
		t.Errorf("%v, done: %v", err, ran)
	}
	e.must(e.Kill(ctx, id, "KILL"))
}

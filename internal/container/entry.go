package container

import (
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"

	"berth/internal/container/files"
	"berth/internal/container/notice"
	"berth/internal/container/probing"
	"berth/internal/container/provision"
	"berth/internal/container/waiting"
	"berth/internal/fault"
	"berth/internal/logdriver"
	"berth/internal/state"
	"berth/internal/stream"
)

const bucket = "containers"

// entry is one container in memory. Lock order: verb, then views or who waits; the
// index's lock is never taken with either held except to drop the entry.
type entry struct {
	id   string
	verb chan struct{} // held by the verb that is changing the container
	snap atomic.Pointer[Container]
	hub  *stream.Hub

	live atomic.Pointer[live] // what the present run holds; nil when not running
	log  atomic.Pointer[logdriver.Log]

	health probing.Health

	forgetting sync.WaitGroup // the keeper is being told to forget the last run; a start waits for it

	views files.Views // of who copies files in or out

	waiting waiting.Line
}

// live is the present run.
type live struct {
	provision.Holdings
	stopping atomic.Bool                  // the user asked for the end that is coming
	asked    atomic.Int32                 // a restart.Asked: see ask
	renew    atomic.Bool                  // it is unhealthy and ends to begin again, whatever its policy
	acting   atomic.Bool                  // something is being done about its health
	again    atomic.Bool                  // a restart follows: its end is not the container's
	passing  atomic.Bool                  // the daemon ends it for its own sake: the next one decides what follows
	adopted  bool                         // an earlier daemon has started it
	ending   atomic.Bool                  // SIGKILL is on its way: nobody pauses it any more
	down     chan struct{}                // closed when the run has ended for all to see
	stopper  atomic.Pointer[notice.Asker] // who has asked for its stop
	telling  sync.Mutex                   // held while a signal is sent and told of: its end comes after
	oomTold  bool                         // that it ran out of memory; guarded by telling
	endTold  bool                         // or is about to be; guarded by telling
}

func newEntry(c Container) *entry {
	e := &entry{id: c.ID, verb: make(chan struct{}, 1), hub: stream.NewHub()}
	c.Revision = 1
	e.snap.Store(&c)
	return e
}

// ID is the container's.
func (e *entry) ID() string { return e.id }

// Created is when the container was made.
func (e *entry) Created() time.Time { return e.snap.Load().Created }

// present returns the present run, nil when there is none. A start under way
// is waited for: its outcome is what the caller has to act on.
func (e *entry) present(ctx context.Context) (*live, error) {
	if e.snapshot().State == Starting {
		if err := e.lock(ctx); err != nil {
			return nil, err
		}
		defer e.unlock()
	}
	return e.live.Load(), nil
}

// lock takes the container for one verb, or gives up with ctx.
func (e *entry) lock(ctx context.Context) error {
	select {
	case e.verb <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fault.As(fault.Cancelled, ctx.Err())
	}
}

func (e *entry) unlock() { <-e.verb }

// snapshot returns the container as it is; the value is never changed.
func (e *entry) snapshot() Container { return *e.snap.Load() }

// change makes a new snapshot. The caller holds the verb lock.
func (e *entry) change(f func(*Container)) Container {
	c := e.snapshot()
	f(&c)
	c.Revision++
	e.snap.Store(&c)
	e.waiting.Answer(WaitResult{}, waiting.Change)
	return c
}

// step asks the lifecycle table and makes the new state visible. The caller
// holds the verb lock.
func (e *entry) step(ev Event, f func(*Container)) (Container, error) {
	to, err := next(e.snapshot().State, ev)
	if err != nil {
		return Container{}, err
	}
	return e.change(func(c *Container) {
		c.State = to
		if f != nil {
			f(c)
		}
	}), nil
}

// put is the database write that records a container as it is.
func put(c Container) state.Op {
	b, err := json.Marshal(c)
	if err != nil {
		panic("a container's record cannot be encoded: " + err.Error()) // only plain types in it
	}
	return state.Op{Bucket: bucket, Key: c.ID, Value: b}
}

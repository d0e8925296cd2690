// Package probing is the probes of containers' runs, one goroutine a run that takes no verb's
// lock: what they find is kept beside the container's record, and outlives the daemon.
package probing

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"berth/internal/container/execs"
	"berth/internal/container/health"
	"berth/internal/container/notice"
	"berth/internal/container/provision"
	"berth/internal/container/record"
	"berth/internal/event"
	"berth/internal/failpoint"
)

// Run is one run of a container, as those who probe it need it.
type Run interface {
	Snapshot() record.Container // of the container
	Holdings() *provision.Holdings
	// Changed is called when the container's health has become another.
	Changed()
	// Heal does to the run what its check says of one that is unhealthy, unless that is being done.
	Heal(action string) error
}

// Service probes the containers of one daemon.
type Service struct {
	execs *execs.Service
	paths provision.Paths
	tells *notice.Teller
	warn  func(format string, args ...any)
}

// New returns a Service that probes nothing yet.
func New(execs *execs.Service, deps provision.Deps, tells *notice.Teller) *Service {
	return &Service{execs: execs, paths: deps.Paths, tells: tells, warn: deps.Warn}
}

// Health is one container's. The zero Health is that of one without a check, or before its first run.
type Health struct {
	state atomic.Pointer[health.State]
	watch atomic.Pointer[watch] // who probes the present run; nil when nobody does
}

// State is what is known; nil without a check, or before the first run.
func (h *Health) State() *health.State { return h.state.Load() }

// Probed reports whether somebody probes the container.
func (h *Health) Probed() bool { return h.watch.Load() != nil }

// Begin makes the health that of a run that begins, if there is a check.
func (h *Health) Begin(c record.Container) {
	if !c.Config.Healthcheck.Enabled() {
		return
	}
	state := health.State{}
	if old := h.state.Load(); old != nil {
		state = *old
	}
	state = state.Begun()
	h.state.Store(&state)
}

// watch is the probing of one run. Its verdicts come beside the verbs, so that a
// probe keeps none of them waiting.
type watch struct {
	stop  context.CancelFunc
	done  chan struct{} // closed when no probe is under way any more
	mu    sync.Mutex    // guards ended and the order of what is reported
	ended bool          // what a probe still reports is of no run any more
}

// Watch begins to probe a run, which has just begun or is taken over (or
// paused no longer) with what was known of it. The caller holds the verb lock.
func (s *Service) Watch(h *Health, r Run, begins bool) {
	c := r.Snapshot()
	if c.State == record.Paused || !c.Config.Healthcheck.Enabled() {
		return
	}
	if begins || h.state.Load() == nil {
		h.Begin(c)
	}
	state := *h.state.Load()
	ctx, cancel := context.WithCancel(context.Background())
	w := &watch{stop: cancel, done: make(chan struct{})}
	h.watch.Store(w)
	m := &health.Monitor{
		Check: c.Config.Healthcheck, Shell: c.Config.Shell, Target: target{s.execs, c.ID, r.Holdings()}, Started: c.Run.Started,
		Report: func(st health.State) { s.probed(h, w, r, st) },
	}
	go func() {
		defer close(w.done)
		m.Run(ctx, state)
	}()
}

// Unwatch ends the probing, without waiting for a probe that is under way.
func (s *Service) Unwatch(h *Health, id string) {
	w := h.watch.Swap(nil)
	if w == nil {
		return
	}
	w.stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	s.Halt(h, id)
}

// Halt makes the health that of a container that nobody probes.
func (s *Service) Halt(h *Health, id string) {
	old := h.state.Load()
	if old == nil {
		return
	}
	state := old.Halted()
	h.state.Store(&state)
	s.keep(id, state)
}

// probed takes a new state in, and has done what the check says of it.
func (s *Service) probed(h *Health, w *watch, r Run, state health.State) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return
	}
	before := h.state.Swap(&state)
	c := r.Snapshot()
	s.keep(c.ID, state)
	failpoint.At("health.kept")
	if before.Status != state.Status {
		r.Changed()
		s.tells.Of(c, event.HealthStatus+string(state.Status))
	}
	if action := c.Config.Healthcheck.Action(state); action != health.None {
		go s.act(r, action) // a daemon that ends does not wait for a container's end
	}
}

// act does to an unhealthy container what its check says.
func (s *Service) act(r Run, action string) {
	if err := r.Heal(action); err != nil {
		s.warn("container %s is unhealthy, and %s failed: %v", r.Snapshot().ID, action, err)
	}
}

// EndAll ends all probing; the next daemon goes on with what is known. Probes
// that are under way are killed, and waited for at most so long.
func EndAll(of []*Health, wait time.Duration) {
	var ending []*watch
	for _, h := range of {
		if w := h.watch.Load(); w != nil {
			w.stop()
			ending = append(ending, w)
		}
	}
	late := time.After(wait)
	for _, w := range ending {
		select {
		case <-w.done:
		case <-late:
			return
		}
	}
}

// file is where a container's health outlives the daemon.
func (s *Service) file(id string) string { return s.paths.Dir(id) + "/health.json" }

func (s *Service) keep(id string, state health.State) {
	err := health.Save(s.file(id), state)
	if err != nil && !errors.Is(err, os.ErrNotExist) { // else it has just been removed
		s.warn("the health of container %s cannot be kept: %v", id, err)
	}
}

// Recall brings back what was known of a container's health.
func (s *Service) Recall(h *Health, c record.Container) {
	if c.Config.Healthcheck.Enabled() {
		h.state.Store(health.Load(s.file(c.ID)))
	}
}

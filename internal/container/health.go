package container

import (
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"sync"

	"berth/internal/container/health"
	"berth/internal/container/record"
	"berth/internal/container/restart"
	"berth/internal/container/waiting"
	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/linux/pidfd"
)

// watch is the probing of one run. Its verdicts come beside the verbs, so that a
// probe keeps none of them waiting.
type watch struct {
	live  *live
	stop  context.CancelFunc
	done  chan struct{} // closed when no probe is under way any more
	mu    sync.Mutex    // guards ended and the order of what is reported
	ended bool          // what a probe still reports is of no run any more
}

// probing is what is done about the containers' health.
type probing struct{ *Service }

func (s *Service) probing() probing { return probing{s} }

// watch begins to probe the present run, which has just begun or is taken over (or
// paused no longer) with what was known of it. The caller holds the verb lock.
func (s probing) watch(e *entry, l *live, begins bool) {
	c := e.snapshot()
	if c.State == Paused || !c.Config.Healthcheck.Enabled() || c.State == Paused {
		return
	}
	if begins || e.health.Load() == nil {
		e.beginHealth()
	}
	state := *e.health.Load()
	ctx, cancel := context.WithCancel(context.Background())
	w := &watch{live: l, stop: cancel, done: make(chan struct{})}
	e.watch.Store(w)
	m := &health.Monitor{
		Check: c.Config.Healthcheck, Shell: c.Config.Shell, Target: target{s.Service, e, l}, Started: c.Run.Started,
		Report: func(st health.State) { s.probed(e, w, st) },
	}
	go func() {
		defer close(w.done)
		m.Run(ctx, state)
	}()
}

// beginHealth makes the health that of a run that begins, if there is a check.
func (e *entry) beginHealth() {
	if !e.snapshot().Config.Healthcheck.Enabled() {
		return
	}
	state := health.State{}
	if old := e.health.Load(); old != nil {
		state = *old
	}
	state = state.Begun()
	e.health.Store(&state)
}

// unwatch ends the probing, without waiting for a probe that is under way.
func (s probing) unwatch(e *entry) {
	w := e.watch.Swap(nil)
	if w == nil {
		return
	}
	w.stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	s.halt(e)
}

// halt makes the health that of a container that nobody probes.
func (s probing) halt(e *entry) {
	old := e.health.Load()
	if old == nil {
		return
	}
	state := old.Halted()
	e.health.Store(&state)
	s.keepHealth(e, state)
}

// probed takes a new state in, and has done what the check says of it.
func (s probing) probed(e *entry, w *watch, state health.State) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return
	}
	before := e.health.Swap(&state)
	s.keepHealth(e, state)
	if before.Status != state.Status {
		e.waiting.Answer(WaitResult{}, waiting.Change)
		s.tells.Of(e.snapshot(), event.HealthStatus+string(state.Status))
	}
	check := e.snapshot().Config.Healthcheck
	if action := check.Action(state); action != health.None {
		go s.act(e, w.live, action) // a daemon that ends does not wait for a container's end
	}
}

// act does to an unhealthy container what its check says.
func (s probing) act(e *entry, l *live, action string) {
	if !l.acting.CompareAndSwap(false, true) {
		return // it is being done
	}
	defer l.acting.Store(false)
	if err := s.heal(e, l, action); err != nil {
		s.deps.Warn("container %s is unhealthy, and %s failed: %v", e.id, action, err)
	}
}

// unhealthy is the verb of what is done about a container's health.
const unhealthy = "health"

// heal ends the run. A restart is none of the user's doing: the run's end finds
// that it is to begin again, unless a user has stopped it meanwhile.
func (s probing) heal(e *entry, l *live, action string) error {
	ctx := context.Background()
	switch action {
	case health.Kill:
		if err := s.signals().kill(ctx, e, l, unhealthy); err != nil && !isGone(err) {
			return err
		}
		return nil
	case health.Restart:
		l.renew.Store(true)
	case health.Stop:
		if err := s.runs().note(e, l, restart.Stopped); err != nil {
			return err
		}
	}
	return s.signals().stop(ctx, e, l, StopOptions{verb: unhealthy})
}

// healthFile is where a container's health outlives the daemon.
func (s probing) healthFile(id string) string { return s.deps.Paths.Dir(id) + "/health.json" }

func (s probing) keepHealth(e *entry, state health.State) {
	err := health.Save(s.healthFile(e.id), state)
	if err != nil && !errors.Is(err, os.ErrNotExist) { // else it has just been removed
		s.deps.Warn("the health of container %s cannot be kept: %v", e.id, err)
	}
}

// readHealth brings back what was known of a container's health.
func (s probing) readHealth(e *entry) {
	if e.snapshot().Config.Healthcheck.Enabled() {
		e.health.Store(health.Load(s.healthFile(e.id)))
	}
}

// target is a run as its probes see it.
type target struct {
	*Service
	e *entry
	l *live
}

// NetNS opens the run's network namespace.
func (t target) NetNS() (*os.File, error) {
	f, err := os.Open("/proc/" + strconv.Itoa(t.l.Pid) + "/ns/net")
	if err != nil {
		return nil, fault.As(fault.Internal, err)
	}
	if pidfd.Ended(t.l.Pidfd) { // the pid may have been another process's by then
		f.Close()
		return nil, record.NotRunning(t.e.id)
	}
	return f, nil
}

// Start runs a program in the container as exec does.
func (t target) Start(ctx context.Context, argv []string, out io.Writer) (func(context.Context) (int, error), error) {
	return t.execs.Probe(ctx, t.e.id, argv, out)
}

package container

import (
	"context"
	"errors"
	"sync"
	"time"

	"berth/internal/container/files"
	"berth/internal/container/notice"
	"berth/internal/container/provision"
	"berth/internal/container/record"
	"berth/internal/container/restart"
	"berth/internal/event"
	"berth/internal/failpoint"
	"berth/internal/fault"
	"berth/internal/keeper"
)

// startTimeout bounds a start that nothing else bounds: the client may be gone.
const startTimeout = 2 * time.Minute

// Start runs a container's program. NotModified when it runs already. When it
// returns, the program has been executed and that it should be up is durable.
func (s *Service) Start(ctx context.Context, ref string) error {
	e, err := s.index.Find(ref)
	if err != nil {
		return err
	}
	if err := e.lock(ctx); err != nil {
		return err
	}
	defer e.unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), startTimeout)
	defer cancel()
	return s.runs().start(ctx, e)
}

func (s runs) start(ctx context.Context, e *entry) error {
	before := e.snapshot()
	switch before.State {
	case Running, Restarting:
		return fault.New(fault.NotModified, "container %s is already running", e.id)
	case Paused:
		return fault.New(fault.Conflict, "cannot start a paused container, try unpause instead")
	case Removed:
		return fault.New(fault.NotFound, "No such container: %s", e.id)
	case Removing, Dead:
		return fault.New(fault.Conflict, "container is marked for removal and cannot be started")
	}
	return s.begin(ctx, e, func(c *Container) { c.Restarts, c.Restart = 0, restart.Memory{} })
}

// begin starts a container, for whoever has the right to, with what that means for its record.
func (s runs) begin(ctx context.Context, e *entry, change func(*Container)) error {
	if s.leaving.Load() {
		return fault.New(fault.Unavailable, "the daemon is shutting down")
	}
	before := e.snapshot()
	c, err := e.step(StartBegan, func(c *Container) {
		c.Wanted, c.Run.Error = WantedUp, ""
		change(c)
	})
	if err != nil {
		return err
	}
	e.forgetting.Wait()
	e.views.End(files.Patience)
	if s.leaving.Load() { // since then: it has not been seen among those that are up
		err = fault.New(fault.Unavailable, "the daemon is shutting down")
	} else {
		err = s.run(ctx, e, c)
	}
	if err == nil {
		return nil
	}
	s.startFailed(e, before, err)
	return err
}

// run takes everything that a run needs and starts it; on failure everything
// is given back.
func (s runs) run(ctx context.Context, e *entry, c Container) error {
	var undo provision.Undo
	defer undo.Run()
	client, err := s.deps.Keeper()
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "the keeper cannot be reached")
	}
	s.host.Warmth().Want(c.HostConfig)
	p, err := s.host.Prepare(ctx, c, &undo)
	if err != nil {
		return err
	}
	failpoint.At("start.prepared")
	sink, err := logsOf(s.deps).openSink(e, c, true)
	if err != nil {
		return err
	}
	undo.Add(func() { closeLog(e) })
	failpoint.At("start.log-opened")
	defer p.CloseChildEnds()

	recorded := make(chan error, 1)
	note := sync.OnceFunc(func() { // beside the keeper's work, which goes first
		go func() {
			c := c
			c.Began = &record.Began{Keeper: keeper.Life(client), Before: c.Run}
			c.State, c.Endpoints, c.Run = Running, p.Endpoints(), Run{Started: time.Now().UTC()}
			recorded <- s.deps.Store.Commit(unasked(c)...)
		}()
		failpoint.At("start.requested")
		s.tells.All(notice.Joined(&c, p.Endpoints()))
		undo.Add(func() { s.tells.All(notice.Left(&c, p.Endpoints())) })
	})
	proc, pidfd, err := provision.StartProgram(ctx, client, s.host.Request(p, c.ID, c.ID, note))
	if p.WentCold(err) {
		if err = s.host.Warmth().Cold(c, p); err == nil {
			proc, pidfd, err = provision.StartProgram(ctx, client, s.host.Request(p, c.ID, c.ID, note))
		}
	}
	note()
	if err == nil {
		if err = s.host.Others().Begin(ctx, c, p, client); err != nil {
			provision.UndoStart(client, pidfd, c.ID)
		}
	}
	failpoint.At("start.running")
	rerr := <-recorded
	if err != nil {
		return p.Failure(err)
	}
	if rerr != nil {
		provision.UndoStart(client, pidfd, c.ID)
		return fault.Wrap(fault.Internal, rerr, "the start cannot be recorded")
	}
	failpoint.At("start.recorded")
	// First what readers act on, then the state that tells them that it is there.
	e.live.Store(&live{Holdings: p.Started(proc.Pid, pidfd), down: make(chan struct{})})
	e.hub.Run(p.IO().Ends(c.Config.StdinOnce, func() { client.CloseStdin(context.Background(), c.ID) }), sink)
	undo.Clear()
	e.health.Begin(c)
	now, err := e.step(StartDone, func(c *Container) {
		c.Run = Run{Pid: proc.Pid, Started: proc.Started.UTC()}
		c.Endpoints = p.Endpoints()
	})
	if s.linked.Load() {
		s.relink(now)
	}
	failpoint.At("start.shown")
	s.tells.Of(c, event.Start)
	failpoint.At("start.told")
	s.runs().watchOOM(e, e.live.Load())
	s.watch(e, e.live.Load(), true)
	return err // none: Starting has this event, and the verb lock is ours
}

// startFailed puts the container back and says why, in its state.
func (s runs) startFailed(e *entry, before Container, cause error) {
	ev := StartFailed
	if before.State == Exited || before.State == Restarting {
		ev = AgainFailed
	}
	var exit *provision.ExitError
	code := 128
	if errors.As(cause, &exit) {
		code = exit.Code
	}
	c, err := e.step(ev, func(c *Container) {
		c.Wanted = WantedDown
		c.Run.Pid, c.Run.ExitCode, c.Run.Error = 0, code, cause.Error()
		c.Endpoints = nil
	})
	if err == nil {
		err = s.deps.Store.Commit(put(c))
	}
	if err != nil {
		s.deps.Warn("container %s: %v", e.id, err)
	}
	failpoint.At("start.failure-recorded")
	e.hub.Abort(nil) // who started it hears why, not who is attached
	if c.HostConfig.AutoRemove {
		s.discard(context.Background(), e, true)
		return
	}
	e.tell(WaitNotRunning, WaitNextExit)
}

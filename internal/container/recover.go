package container

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/container/notice"
	"berth/internal/container/provision"
	"berth/internal/container/record"
	"berth/internal/container/restart"
	"berth/internal/event"
	"berth/internal/failpoint"
	"berth/internal/fault"
	"berth/internal/keeper"
	"berth/internal/linux/pidfd"
)

// lostExit is the exit code of a run whose end nobody saw, as Docker gives it.
const lostExit = 255

// Recover brings back what the store and the keeper know: running containers
// are adopted, ends that happened meanwhile are recorded, and what a crash
// left half-done is cleaned up. It is called once, before any other method.
func (s *Service) Recover(ctx context.Context, client *keeper.Client) error {
	s.tells.Remember(notice.NewPast(s.deps.Events))
	return recovery{s, client, map[string]restart.Asked{}}.run(ctx)
}

// recovery is the boot's work, with the keeper that knows what runs.
type recovery struct {
	*Service
	client *keeper.Client
	asks   map[string]restart.Asked // of runs whose ends are not recorded
}

func (s recovery) run(ctx context.Context) error {
	if err := s.readRecords(); err != nil {
		return err
	}
	if err := s.readAsks(); err != nil {
		return err
	}
	for _, e := range s.index.All() {
		s.tells.MissingCreate(e.snapshot())
	}
	failpoint.At("recover.records-read")
	procs, err := s.client.List(ctx)
	if err != nil {
		return err
	}
	if err := s.finishRemovals(); err != nil {
		return err
	}
	known := map[string]bool{}
	for _, e := range s.index.All() {
		known[e.id] = true
	}
	s.host.Storage().Sweep(known)
	s.sweepExits(procs)
	failpoint.At("recover.swept")
	var connected []Connection
	var finish []func()
	for _, p := range procs {
		e, err := s.index.Find(p.Container)
		if err != nil || e.id != p.Container {
			s.abandon(ctx, p)
			continue
		}
		if !e.snapshot().State.Up() {
			// A start that nobody was told of, or an end that is recorded.
			s.abandon(ctx, p)
			continue
		}
		if p.ID != p.Container {
			s.adoptExec(ctx, p)
			continue
		}
		ports, err := s.adopt(ctx, e, p)
		if err != nil { // it runs: better no daemon than one that takes it for dead
			return fault.Wrap(fault.KindOf(err), err, "container %s cannot be taken over", e.id)
		}
		if c := e.snapshot(); c.Connected() {
			connected = append(connected, Connection{ID: c.ID, Name: c.Name, Endpoints: c.Endpoints, Holds: ports})
		} else {
			for _, p := range ports {
				p.Close() // or nil
			}
		}
		if p.Exit != nil {
			finish = append(finish, func() { s.runs().ended(s.client, p.ID, *p.Exit) })
		}
	}
	failpoint.At("recover.adopted")
	if err := s.deps.Networks.Restore(ctx, connected); err != nil {
		return err
	}
	failpoint.At("recover.connected")
	for _, f := range finish {
		f()
	}
	failpoint.At("recover.ended")
	s.settle()
	failpoint.At("recover.settled")
	for _, e := range s.index.All() {
		s.tells.Missing(e.snapshot())
	}
	failpoint.At("recover.told")
	s.recovered.Store(true)
	s.tells.Remember(nil)
	s.resume()
	return nil
}

func (s recovery) readRecords() error {
	return s.deps.Store.Each(bucket, func(id string, value []byte) error {
		var c Container
		if err := json.Unmarshal(value, &c); err != nil {
			return fault.Wrap(fault.Internal, err, "the record of container %s cannot be read", id)
		}
		if err := s.index.Reserve(c.Name, c.ID); err != nil {
			return err
		}
		if len(c.HostConfig.Links) > 0 {
			s.linked.Store(true)
		}
		e := newEntry(c)
		s.probes.Recall(&e.health, c)
		s.index.Add(e)
		s.host.Storage().KeepVolumes(c, false)
		return nil
	})
}

// adopt takes a running container's streams back, and the sockets of its ports.
func (s recovery) adopt(ctx context.Context, e *entry, p keeper.Process) ([]*os.File, error) {
	a, err := s.client.Adopt(ctx, p.ID)
	if err != nil {
		return nil, err
	}
	c := e.change(func(c *Container) {
		c.State, c.Wanted, c.Began = Running, WantedUp, nil
		c.Run.Pid, c.Run.Started = p.Pid, p.Started.UTC()
	})
	l := &live{Holdings: provision.Holdings{Pid: p.Pid, Pidfd: a.Pidfd}, adopted: true, down: make(chan struct{})}
	if g, err := s.deps.Cgroups.Open(s.host.CgroupPath(c)); err == nil {
		l.Group = g
	}
	c = s.seen(e, l)
	s.host.Storage().KeepVolumes(c, true)
	s.tells.MissingStart(c)
	sink, err := logsOf(s.deps).openSink(e, c, false)
	if err != nil {
		s.deps.Warn("container %s: %v", e.id, err)
	}
	if err := provision.TakeSpool(a.Process.Spool, behind(e)); err != nil {
		s.deps.Warn("container %s: %v", e.id, err)
	}
	if err := s.host.Others().Resume(ctx, c); err != nil {
		s.deps.Warn("container %s: %v", e.id, err)
	}
	l.ask(s.asks[e.id])
	defer s.runs().watch(e, l, false)
	failpoint.At("adopt.spool-taken")
	io, ports := provision.Streams(a)
	l.Pty = io.Pty
	e.live.Store(l)
	s.runs().watchOOM(e, l)
	e.hub.Run(io.Ends(c.Config.StdinOnce, func() { s.client.CloseStdin(context.Background(), c.ID) }), sink)
	return ports, nil
}

// seen gives an adopted run the state that its freezer says.
func (s recovery) seen(e *entry, l *live) Container {
	if l.Group == nil {
		return e.snapshot()
	}
	frozen, err := l.Group.Frozen()
	if err != nil {
		s.deps.Warn("container %s: %v", e.id, err)
	}
	for _, mark := range []string{s.deps.Paths.Committing(e.id), s.deps.Paths.Still(e.id)} {
		if _, err := os.Stat(mark); err == nil { // nobody waits for the commit or the snapshot any more
			if err := l.Group.Thaw(context.Background()); err != nil {
				s.deps.Warn("container %s: %v", e.id, err)
			}
			os.Remove(mark)
			frozen, _ = l.Group.Frozen()
		}
	}
	if !frozen {
		return e.snapshot()
	}
	return e.change(func(c *Container) { c.State = Paused })
}

// adoptExec keeps an exec inspectable; whoever was attached to it is gone.
func (s recovery) adoptExec(ctx context.Context, p keeper.Process) {
	a, err := s.client.Adopt(ctx, p.ID)
	if err != nil {
		s.deps.Warn("exec %s: %v", p.ID, err)
		return
	}
	s.execs.Adopt(a, func() { s.client.CloseStdin(context.Background(), p.ID) })
	if p.Exit != nil {
		s.host.Later(func() { s.runs().ended(s.client, p.ID, *p.Exit) })
	}
}

// abandon ends a process that belongs to no container that we know.
func (s recovery) abandon(ctx context.Context, p keeper.Process) {
	if a, err := s.client.Adopt(ctx, p.ID); err == nil {
		if p.Exit == nil {
			pidfd.Send(a.Pidfd, unix.SIGKILL)
		}
		a.Close()
	}
	if p.Exit != nil {
		s.client.Forget(ctx, p.ID)
	} // else its exit event forgets it
}

// settle gives every container that is not running a state that says so.
func (s recovery) settle() {
	for _, e := range s.index.All() {
		c := e.snapshot()
		if e.live.Load() != nil {
			continue
		}
		s.host.Others().Forget(c)
		if g, err := s.deps.Cgroups.Open(s.host.CgroupPath(c)); err == nil {
			if err := provision.ClearGroup(g); err != nil { // its processes are nobody's
				s.deps.Warn("container %s: %v", e.id, err)
			}
		}
		if c.State.Up() || c.State == Starting {
			s.lost(e)
			c = e.snapshot()
		}
		s.revive(e)
		if c.HostConfig.AutoRemove && c.State == Exited || c.State == Removing || c.State == Dead {
			e.change(func(c *Container) { c.State = Exited })
			if err := s.runs().discard(context.Background(), e, true); err != nil {
				s.deps.Warn("container %s: %v", e.id, err)
			}
		}
	}
}

// lost records the end of a run that went with the machine or the keeper. The
// keeper's exit file knows more if it is still there.
func (s recovery) lost(e *entry) {
	exit, err := keeper.ReadExitFile(s.deps.Paths.ExitFile(e.id))
	if err != nil {
		if s.neverRan(e) {
			return
		}
		exit = keeper.Exit{Code: lostExit, Time: time.Now()}
	}
	was := e.snapshot().Endpoints
	c := e.change(func(c *Container) {
		c.State, c.Endpoints, c.Began = Exited, nil, nil
		c.Run.Pid, c.Run.ExitCode, c.Run.Finished = 0, exit.Code, exit.Time.UTC()
		c.Restart.Asked = max(c.Restart.Asked, s.asks[c.ID])
	})
	s.probes.Halt(&e.health, e.id)
	if err := s.deps.Store.Commit(unasked(c)...); err != nil {
		s.deps.Warn("container %s: %v", e.id, err)
	} else {
		failpoint.At("lost.recorded")
		os.Remove(s.deps.Paths.ExitFile(e.id)) // not before: it is all that knows
	}
	s.salvage(e, c)
	s.tells.MissingStart(c)
	if !s.tells.Told(c, event.Die) {
		s.tells.All(append(notice.Ended(&c, false), notice.Left(&c, was)...))
	}
}

// salvage takes into the log what the keeper had taken in of a run before it was lost.
func (s recovery) salvage(e *entry, c Container) {
	path := s.deps.Paths.Spool(e.id)
	if _, err := os.Stat(path); err != nil {
		return // nothing, mostly
	}
	_, err := logsOf(s.deps).openSink(e, c, false)
	if err == nil {
		err = provision.TakeSpool(path, behind(e))
		closeLog(e)
	}
	if err != nil {
		s.deps.Warn("container %s: %v", e.id, err)
	}
}

// neverRan takes a start back that was recorded and came to nothing, and that nobody was told of: the keeper that was
// asked for it lives, and knows of no such process. It forgets one that goes by itself before that is recorded.
func (s recovery) neverRan(e *entry) bool {
	c := e.snapshot()
	if c.HostConfig.AutoRemove || c.Began == nil || c.Began.Keeper == "" || c.Began.Keeper != keeper.Life(s.client) {
		return false
	}
	c = e.change(func(c *Container) {
		if c.State = Exited; c.Began.Before.Started.IsZero() {
			c.State = Created
		}
		c.Run, c.Began, c.Endpoints, c.Wanted = c.Began.Before, nil, nil, WantedDown
	})
	if err := s.deps.Store.Commit(put(c)); err != nil {
		s.deps.Warn("container %s: %v", e.id, err)
	}
	return true
}

// sweepExits removes exit files and spools of a keeper that died before it could forget what had
// been dealt with. Those that settle reads stay, and those that the keeper knows.
func (s recovery) sweepExits(procs []keeper.Process) {
	s.sweep(procs, "exits", keeper.ExitFileOf)
	s.sweep(procs, "spool", func(name string) (string, bool) { return name, true })
}

// sweep removes the files of one kind; idOf tells whose a file is, and whether it is whole.
func (s recovery) sweep(procs []keeper.Process, kind string, idOf func(name string) (id string, whole bool)) {
	dir := s.deps.Paths.Exec + "/" + kind + "/"
	entries, err := os.ReadDir(dir)
	if err != nil {
		return // there are none
	}
	for _, file := range entries {
		id, whole := idOf(file.Name())
		e, err := s.index.Find(id)
		wanted := whole && err == nil && e.id == id && (e.snapshot().State.Up() || e.snapshot().State == Starting)
		if known := slices.ContainsFunc(procs, func(p keeper.Process) bool { return p.ID == id }); len(id) == record.IDLength && !known && !wanted {
			os.Remove(dir + file.Name())
		}
	}
}

package container

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/container/notice"
	"berth/internal/container/provision"
	"berth/internal/container/record"
	"berth/internal/container/restart"
	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/keeper"
	"berth/internal/linux/cgroup"
	"berth/internal/linux/pidfd"
	"berth/internal/stream"
)

// lostExit is the exit code of a run whose end nobody saw, as Docker gives it.
const lostExit = 255

// Recover brings back what the store and the keeper know: running containers
// are adopted, ends that happened meanwhile are recorded, and what a crash
// left half-done is cleaned up. It is called once, before any other method.
func (s *Service) Recover(ctx context.Context, client *keeper.Client) error {
	s.past = notice.NewPast(s.deps.Events)
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
	procs, err := s.client.List(ctx)
	if err != nil {
		return err
	}
	s.sweep()
	s.sweepGroups()
	s.sweepExits(procs)
	var connected []Connection
	var finish []func()
	for _, p := range procs {
		e, err := s.index.find(p.Container)
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
		if c := e.snapshot(); c.Endpoint.Address.IsValid() {
			connected = append(connected, Connection{ID: c.ID, Name: c.Name, Endpoint: c.Endpoint, Holds: ports})
		} else {
			for _, p := range ports {
				p.Close() // or nil
			}
		}
		if p.Exit != nil {
			finish = append(finish, func() { s.runs().ended(s.client, p.ID, *p.Exit) })
		}
	}
	if err := s.deps.Networks.Restore(ctx, connected); err != nil {
		return err
	}
	for _, f := range finish {
		f()
	}
	s.settle()
	s.tellMissing()
	s.recovered.Store(true)
	s.resume()
	return nil
}

func (s recovery) readRecords() error {
	return s.deps.Store.Each(bucket, func(id string, value []byte) error {
		var c Container
		if err := json.Unmarshal(value, &c); err != nil {
			return fault.Wrap(fault.Internal, err, "the record of container %s cannot be read", id)
		}
		if err := s.index.reserve(c.Name, c.ID); err != nil {
			return err
		}
		e := newEntry(c)
		s.probing().readHealth(e)
		s.index.add(e)
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
		c.State, c.Wanted = Running, WantedUp
		c.Run.Pid, c.Run.Started = p.Pid, p.Started.UTC()
	})
	l := &live{Holdings: provision.Holdings{Pid: p.Pid, Pidfd: a.Pidfd}, adopted: true, down: make(chan struct{})}
	if g, err := s.deps.Cgroups.Open(s.host.CgroupPath(c)); err == nil {
		l.Group = g
	}
	c = s.seen(e, l)
	sink, err := logsOf(s.deps).openSink(e, c, false)
	if err != nil {
		s.deps.Warn("container %s: %v", e.id, err)
	}
	if err := takeSpool(a.Process.Spool, behind(e)); err != nil {
		s.deps.Warn("container %s: %v", e.id, err)
	}
	if err := s.host.Others().Resume(ctx, c); err != nil {
		s.deps.Warn("container %s: %v", e.id, err)
	}
	l.ask(s.asks[e.id])
	defer s.probing().watch(e, l, false)
	io, ports := provision.Streams(a)
	l.Pty = io.Pty
	e.live.Store(l)
	s.tells().watchOOM(e, l)
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
	mark := s.deps.Paths.Committing(e.id)
	if _, err := os.Stat(mark); err == nil { // nobody waits for the commit any more
		if err := l.Group.Thaw(context.Background()); err != nil {
			s.deps.Warn("container %s: %v", e.id, err)
		}
		os.Remove(mark)
		frozen, _ = l.Group.Frozen()
	}
	if !frozen {
		return e.snapshot()
	}
	return e.change(func(c *Container) { c.State = Paused })
}

// takeSpool gives the log what the keeper took in meanwhile.
func takeSpool(path string, sink stream.Sink) error {
	if path == "" {
		return nil
	}
	err := keeper.ReadSpool(path, func(st byte, t time.Time, data []byte) error {
		if sink == nil {
			return nil
		}
		return sink(st, t, data)
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// adoptExec keeps an exec inspectable; whoever was attached to it is gone.
func (s recovery) adoptExec(ctx context.Context, p keeper.Process) {
	a, err := s.client.Adopt(ctx, p.ID)
	if err != nil {
		s.deps.Warn("exec %s: %v", p.ID, err)
		return
	}
	x := newExecution(p.ID, p.Container)
	s.execs.add(x)
	io, _ := provision.Streams(a)
	x.began(p.Pid, a.Pidfd, io, func() { s.client.CloseStdin(context.Background(), p.ID) })
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
	for _, e := range s.index.all() {
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
		exit = keeper.Exit{Code: lostExit, Time: time.Now()}
	}
	was := e.snapshot().Endpoint
	c := e.change(func(c *Container) {
		c.State, c.Endpoint = Exited, Endpoint{}
		c.Run.Pid, c.Run.ExitCode, c.Run.Finished = 0, exit.Code, exit.Time.UTC()
		c.Restart.Asked = max(c.Restart.Asked, s.asks[c.ID])
	})
	os.Remove(s.deps.Paths.ExitFile(e.id))
	if err := s.deps.Store.Commit(unasked(c)...); err != nil {
		s.deps.Warn("container %s: %v", e.id, err)
	}
	if !s.tells().told(c, event.Die) {
		s.tells().all(append(notice.Ended(&c, false), notice.Left(&c, was)...))
	}
}

// sweepGroups removes the control groups of sandboxes, whose processes went with
// the daemon that wanted them. Where somebody else's group may be, an empty one is no loss.
func (s recovery) sweepGroups() {
	parent, err := s.deps.Cgroups.Open(s.deps.Paths.CgroupParent)
	if err != nil {
		return // there are none
	}
	for _, id := range parent.Children() {
		if _, err := s.index.find(id); err == nil || len(id) != record.IDLength {
			continue
		}
		if g, err := s.deps.Cgroups.Open(s.deps.Paths.CgroupParent + "/" + id); err == nil && !g.RemoveEmpty() {
			s.host.Later(func() { removeLate(g) })
		}
	}
}

// lateTries and latePause are how often, and how far apart, a group is tried whose
// last process may be about to end: the daemon before has just been killed.
const (
	lateTries = 50
	latePause = 100 * time.Millisecond
)

func removeLate(g *cgroup.Group) {
	for range lateTries {
		time.Sleep(latePause)
		if g.RemoveEmpty() {
			return
		}
	}
}

// sweepExits removes exit files of a keeper that died before it could forget what had
// been dealt with. Those that settle reads stay, and those that the keeper knows.
func (s recovery) sweepExits(procs []keeper.Process) {
	entries, err := os.ReadDir(s.deps.Paths.Exec + "/exits")
	if err != nil {
		return // there are none
	}
	for _, file := range entries {
		id, whole := keeper.ExitFileOf(file.Name())
		e, err := s.index.find(id)
		wanted := whole && err == nil && e.id == id && (e.snapshot().State.Up() || e.snapshot().State == Starting)
		if known := slices.ContainsFunc(procs, func(p keeper.Process) bool { return p.ID == id }); len(id) == record.IDLength && !known && !wanted {
			os.Remove(s.deps.Paths.ExitFile(file.Name()))
		}
	}
}

// sweep deletes directories that belong to no container: a create or a removal
// that a crash interrupted. The trash itself stays, for the removals to come; what is in it is
// nobody's, even while there is a record: that of a container with --rm goes last.
func (s recovery) sweep() {
	known := map[string]bool{".trash": true}
	for _, e := range s.index.all() {
		known[e.id] = true
	}
	var stray []string
	for _, dir := range []string{s.deps.Paths.Data, s.deps.Paths.Data + "/.trash"} {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			s.deps.Warn("%v", err)
		}
		for _, d := range entries {
			if !known[d.Name()] || strings.HasSuffix(dir, "/.trash") {
				stray = append(stray, dir+"/"+d.Name())
			}
		}
	}
	s.host.Later(func() {
		for _, path := range stray {
			if err := os.RemoveAll(path); err != nil {
				s.deps.Warn("%v", err)
			}
		}
	})
}

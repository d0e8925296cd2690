// Package execs is further programs in running containers: how they are asked for, run,
// told about and forgotten.
package execs

import (
	"context"
	"os"
	"strconv"
	"sync"
	"sync/atomic"

	"berth/internal/container/notice"
	"berth/internal/container/provision"
	"berth/internal/container/record"
	"berth/internal/container/stdio"
	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/keeper"
	"berth/internal/linux/pidfd"
	"berth/internal/stream"
)

// Container is one container, as those who run further programs in it need it.
type Container interface {
	Snapshot() record.Container
	// Running is what its run holds and what is closed at the run's end; nil when it does not run.
	Running() (held *provision.Holdings, down <-chan struct{})
}

// Service is the execs of one daemon's containers.
type Service struct {
	index *index
	host  *provision.Host
	deps  provision.Deps
	find  func(ref string) (Container, error)
}

// New returns the execs, of which there are none yet, in the containers that find finds.
func New(host *provision.Host, deps provision.Deps, find func(ref string) (Container, error)) *Service {
	return &Service{index: newIndex(), host: host, deps: deps, find: find}
}

// Exec is a snapshot of an exec.
type Exec struct {
	ID          string
	ContainerID string
	Config      record.ExecConfig
	Running     bool
	ExitCode    *int // nil until it has ended
	Pid         int
	CanRemove   bool
	DetachKeys  []byte // as typed; none where the default holds
}

// StartOptions say how an exec is started.
type StartOptions struct {
	Detach      bool
	Tty         bool
	ConsoleSize [2]uint
	Open        stdio.Opener // not with Detach
}

// execution is one exec in memory.
type execution struct {
	id, container string
	config        record.ExecConfig
	hub           *stream.Hub

	mu      sync.Mutex
	started bool
	running bool
	pid     int
	code    *int
	pty     *os.File
	pidfd   *os.File      // while it runs
	up      chan struct{} // closed when the process runs, or never will
	ended   chan struct{} // closed when it has ended

	mayGo atomic.Bool // it ended a while ago, and is forgotten next
}

func newExecution(id, container string) *execution {
	return &execution{id: id, container: container, hub: stream.NewHub(), up: make(chan struct{}), ended: make(chan struct{})}
}

// over reports that the exec has ended, or failed to start.
func (x *execution) over() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.code != nil
}

// began makes the exec's process the one that runs and serves its streams.
func (x *execution) began(pid int, pidfd *os.File, io *stdio.Streams, closeStdin func()) {
	x.mu.Lock()
	x.started, x.running, x.pid, x.pty, x.pidfd = true, true, pid, io.Pty, pidfd
	x.mu.Unlock()
	x.hub.Run(io.Ends(true, closeStdin), nil)
	close(x.up)
}

// ExecCreate prepares an exec in a running container.
func (s *Service) ExecCreate(_ context.Context, ref string, cfg record.ExecConfig) (string, error) {
	of, err := s.find(ref)
	if err != nil {
		return "", err
	}
	c := of.Snapshot()
	if held, _ := of.Running(); held == nil {
		return "", record.Idle(c)
	}
	if c.State == record.Paused {
		return "", pausedExec(ref)
	}
	if len(cfg.Cmd) == 0 {
		return "", fault.New(fault.Invalid, "No exec command specified")
	}
	if _, err := stream.DetachKeys(cfg.DetachKeys); err != nil {
		return "", fault.New(fault.Invalid, "Invalid escape keys (%s) provided", cfg.DetachKeys)
	}
	x := newExecution(record.NewID(), c.ID)
	x.config = cfg
	s.index.add(x)
	s.tell(x, event.ExecCreate+notice.Command(cfg.Cmd))
	return x.id, nil
}

// ExecInspect returns a snapshot of an exec.
func (s *Service) ExecInspect(id string) (Exec, error) {
	x := s.index.get(id)
	if x == nil {
		return Exec{}, noExec(id)
	}
	if _, err := s.find(x.container); err != nil { // it went with its container
		return Exec{}, noExec(id)
	}
	keys := []byte{}
	if word := x.config.DetachKeys; word != "" {
		keys, _ = stream.DetachKeys(word) // it was looked at when the exec was made
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	return Exec{ID: x.id, DetachKeys: keys, ContainerID: x.container, Config: x.config, Running: x.running,
		ExitCode: x.code, Pid: x.pid, CanRemove: x.mayGo.Load()}, nil
}

// ExecResize sets the size of a running exec's terminal, in characters.
func (s *Service) ExecResize(_ context.Context, id string, height, width uint) error {
	x := s.index.get(id)
	if x == nil {
		return noExec(id)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.running {
		return fault.New(fault.Conflict, "exec process is not started")
	}
	return stdio.SetSize(x.pty, height, width)
}

func pausedExec(ref string) error {
	return fault.New(fault.Conflict, "Container %s is paused, unpause the container before exec", ref)
}

func noExec(id string) error {
	return fault.New(fault.NotFound, "No such exec instance: %s", id)
}

// finish records how an exec ended, once its output has been delivered.
func (x *execution) finish(exit keeper.Exit) {
	<-x.up // the end may be reported before the start has been answered
	stdio.Drain(x.hub, nil)
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.code != nil {
		return
	}
	code := exit.Code
	x.pidfd.Close() // or nil
	x.code, x.running, x.pty, x.pidfd = &code, false, nil, nil
	close(x.ended)
}

// tell tells of an exec, as an event of its container's.
func (s *Service) tell(x *execution, action string, more ...string) {
	of, err := s.find(x.container)
	if err != nil {
		return // the container has gone, and everybody knows that
	}
	c := of.Snapshot()
	s.deps.Publish(notice.Of(&c, action, append(more, "execID", x.id)...))
}

// Ended takes in that the process of an exec has ended. It is false when there is no such exec.
func (s *Service) Ended(id string, exit keeper.Exit) bool {
	x := s.index.get(id)
	if x == nil {
		return false
	}
	x.finish(exit)
	s.tell(x, event.ExecDie, "exitCode", strconv.Itoa(exit.Code))
	s.index.dropLater(id)
	return true
}

// Adopt keeps an exec of an earlier daemon inspectable; whoever was attached to it is gone.
func (s *Service) Adopt(a *keeper.Adopted, closeStdin func()) {
	x := newExecution(a.Process.ID, a.Process.Container)
	s.index.add(x)
	io, _ := provision.Streams(a)
	x.began(a.Process.Pid, a.Pidfd, io, closeStdin)
}

// Watch has the ends of all processes told that run: nobody else tells of them any more.
func (s *Service) Watch(told func(id string) func(code int, known bool)) {
	for _, x := range s.index.all() {
		x.mu.Lock()
		its := x.pidfd
		x.mu.Unlock()
		if its != nil {
			pidfd.Watch(its, told(x.id))
		}
	}
}

// Hubs are the streams of all execs.
func (s *Service) Hubs() []*stream.Hub {
	var hubs []*stream.Hub
	for _, x := range s.index.all() {
		hubs = append(hubs, x.hub)
	}
	return hubs
}

// Alive returns the IDs of a container's execs that run or can still run, sorted.
func (s *Service) Alive(container string) []string { return s.index.alive(container) }

// Orphan forgets the execs of a container that ended: those that have not been started at once, for they
// cannot be any more, and the others after a while.
func (s *Service) Orphan(container string) { s.index.orphan(container) }

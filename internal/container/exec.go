package container

import (
	"context"
	"os"
	"sync"
	"sync/atomic"

	"berth/internal/container/notice"
	"berth/internal/container/record"
	"berth/internal/container/stdio"
	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/keeper"
	"berth/internal/stream"
)

// Exec is a snapshot of an exec.
type Exec struct {
	ID          string
	ContainerID string
	Config      ExecConfig
	Running     bool
	ExitCode    *int // nil until it has ended
	Pid         int
	CanRemove   bool
	DetachKeys  []byte // as typed; none where the default holds
}

// ExecStartOptions say how an exec is started.
type ExecStartOptions struct {
	Detach      bool
	Tty         bool
	ConsoleSize [2]uint
	Open        Opener // not with Detach
}

// execution is one exec in memory.
type execution struct {
	id, container string
	config        ExecConfig
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

// Execs is the further processes in the containers of a Service.
type Execs struct{ *Service }

// Execs returns the verbs of further processes.
func (s *Service) Execs() Execs { return Execs{s} }

// ExecCreate prepares an exec in a running container.
func (s Execs) ExecCreate(_ context.Context, ref string, cfg ExecConfig) (string, error) {
	e, err := s.index.find(ref)
	if err != nil {
		return "", err
	}
	if e.live.Load() == nil {
		return "", idle(e)
	}
	if e.snapshot().State == Paused {
		return "", pausedExec(ref)
	}
	if len(cfg.Cmd) == 0 {
		return "", fault.New(fault.Invalid, "No exec command specified")
	}
	if _, err := stream.DetachKeys(cfg.DetachKeys); err != nil {
		return "", fault.New(fault.Invalid, "Invalid escape keys (%s) provided", cfg.DetachKeys)
	}
	x := newExecution(record.NewID(), e.id)
	x.config = cfg
	s.execs.add(x)
	s.tells().exec(s, x, event.ExecCreate+notice.Command(cfg.Cmd))
	return x.id, nil
}

// ExecInspect returns a snapshot of an exec.
func (s Execs) ExecInspect(id string) (Exec, error) {
	x := s.execs.get(id)
	if x == nil {
		return Exec{}, noExec(id)
	}
	if _, err := s.index.find(x.container); err != nil { // it went with its container
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
func (s Execs) ExecResize(_ context.Context, id string, height, width uint) error {
	x := s.execs.get(id)
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
	drain(x.hub, nil)
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

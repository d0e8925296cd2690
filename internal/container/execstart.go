package container

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/container/notice"
	"berth/internal/container/provision"
	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/linux/pidfd"
	"berth/internal/program"
	"berth/internal/stream"
)

// ExecStart runs an exec. With a client attached it returns when the process
// has ended or the client detached; detached, when the process runs.
func (s Execs) ExecStart(ctx context.Context, id string, opts ExecStartOptions) error {
	x := s.execs.get(id)
	if x == nil {
		return noExec(id)
	}
	e, err := s.index.find(x.container)
	if err != nil { // it went with its container
		return noExec(id)
	}
	l := e.live.Load()
	if l == nil {
		return idle(e)
	}
	if e.snapshot().State == Paused {
		return pausedExec(e.id)
	}
	keys, err := stream.DetachKeys(x.config.DetachKeys)
	if err != nil {
		return err
	}
	if err := x.claim(); err != nil {
		return err
	}
	s.tells().exec(s, x, event.ExecStart+notice.Command(x.config.Cmd))
	if opts.Detach {
		return s.runExec(ctx, e, l, x, opts)
	}
	place := x.hub.Join(false)
	defer place.Leave()
	in, out, errs, err := opts.Open(x.config.Tty)
	if err != nil {
		x.unclaim(0)
		return err
	}
	if err := s.runExec(ctx, e, l, x, opts); err != nil {
		return err
	}
	if !x.config.AttachStdin {
		in = nil
	}
	if !x.config.AttachStdout {
		out = nil
	}
	if !x.config.AttachStderr {
		errs = nil
	}
	err = place.Serve(ctx, stream.Client{Stdin: in, Stdout: out, Stderr: errs, DetachKeys: keys})
	if errors.Is(err, stream.ErrDetached) {
		s.tells().exec(s, x, event.ExecDetach)
	}
	if errors.Is(err, stream.ErrDetached) || errors.Is(err, context.Canceled) {
		return nil
	}
	if err == nil { // the exit code follows the last byte
		select {
		case <-x.ended:
		case <-ctx.Done():
		case <-time.After(drainTime):
		}
	}
	return err
}

// claim makes an exec startable once.
func (x *execution) claim() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case x.code != nil:
		return fault.New(fault.Conflict, "error: Exec command %s has already run", x.id)
	case x.started:
		return fault.New(fault.Conflict, "error: Exec command %s is already running", x.id)
	}
	x.started = true
	return nil
}

// unclaim records that the start failed, with the exit code that says how.
func (x *execution) unclaim(code int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.started = false
	if code != 0 {
		x.started, x.code = true, &code
		close(x.up)
		close(x.ended)
	}
}

// cannotRun is the exit code of an exec that failed before its program was
// looked for.
const cannotRun = 126

// runExec starts the process; on failure everything is given back.
func (s Execs) runExec(ctx context.Context, e *entry, l *live, x *execution, opts ExecStartOptions) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), startTimeout)
	defer cancel()
	err := s.launchExec(ctx, e, l, x, opts)
	if err != nil && diedUnder(l, err) {
		err = notRunning(e.id)
	}
	var exit *provision.ExitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &exit):
		x.unclaim(exit.Code)
	default:
		x.unclaim(cannotRun)
	}
	x.hub.Abort(nil)
	return err
}

// dyingTime is how long a container's first process gets to end once an exec
// has met its end: it waits for everything else in its pid namespace.
const dyingTime = 100 * time.Millisecond

// diedUnder reports that an exec failed because its container was ending.
func diedUnder(l *live, err error) bool {
	var f *program.Failure
	// ENOMEM is also what fork(2) says in a pid namespace whose first process ends.
	dying := errors.As(err, &f) && (f.Errno == unix.ESRCH || f.Errno == unix.ENOMEM || f.Errno == 0)
	for end := time.Now().Add(dyingTime); ; time.Sleep(time.Millisecond) {
		if pidfd.Ended(l.Pidfd) {
			return true
		}
		if !dying || time.Now().After(end) {
			return false
		}
	}
}

func (s Execs) launchExec(ctx context.Context, e *entry, l *live, x *execution, opts ExecStartOptions) error {
	var undo provision.Undo
	defer undo.Run()
	client, err := s.deps.Keeper()
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "the keeper cannot be reached")
	}
	cfg := x.config
	if opts.ConsoleSize != [2]uint{} {
		cfg.ConsoleSize = opts.ConsoleSize
	}
	p, err := s.host.PrepareExec(e.snapshot(), &l.Holdings, x.id, cfg)
	if err != nil {
		return err
	}
	undo.Add(p.IO().CloseAll)
	defer p.CloseChildEnds()
	proc, pidfd, err := provision.StartProgram(ctx, client, s.host.Request(p, x.id, e.id, nil))
	defer p.EndExec()
	if err == nil {
		if err = p.TakeTerminal(ctx, client, x.id); err != nil {
			provision.UndoStart(client, pidfd, x.id)
		}
	}
	if err != nil {
		return p.Failure(err)
	}
	undo.Clear()
	x.began(proc.Pid, pidfd, p.IO(), func() { client.CloseStdin(context.Background(), x.id) })
	return nil
}

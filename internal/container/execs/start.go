package execs

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/container/notice"
	"berth/internal/container/provision"
	"berth/internal/container/record"
	"berth/internal/container/stdio"
	"berth/internal/event"
	"berth/internal/failpoint"
	"berth/internal/fault"
	"berth/internal/linux/pidfd"
	"berth/internal/program"
	"berth/internal/stream"
)

// ExecStart runs an exec. With a client attached it returns when the process
// has ended or the client detached; detached, when the process runs.
func (s *Service) ExecStart(ctx context.Context, id string, opts StartOptions) error {
	x := s.index.get(id)
	if x == nil {
		return noExec(id)
	}
	of, err := s.find(x.container)
	if err != nil { // it went with its container
		return noExec(id)
	}
	c := of.Snapshot()
	held, _ := of.Running()
	if held == nil {
		return record.Idle(c)
	}
	if c.State == record.Paused {
		return pausedExec(c.ID)
	}
	keys, err := stream.DetachKeys(x.config.DetachKeys)
	if err != nil {
		return err
	}
	if err := x.claim(); err != nil {
		return err
	}
	s.tell(x, event.ExecStart+notice.Command(x.config.Cmd))
	if opts.Detach {
		return s.run(ctx, c, held, x, opts)
	}
	place := x.hub.Join(false)
	defer place.Leave()
	in, out, errs, err := opts.Open(x.config.Tty)
	if err != nil {
		x.unclaim(0)
		return err
	}
	if err := s.run(ctx, c, held, x, opts); err != nil {
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
		s.tell(x, event.ExecDetach)
	}
	if errors.Is(err, stream.ErrDetached) || errors.Is(err, context.Canceled) {
		return nil
	}
	if err == nil { // the exit code follows the last byte
		select {
		case <-x.ended:
		case <-ctx.Done():
		case <-time.After(stdio.DrainTime):
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

// startTimeout bounds a start that nothing else bounds: the client may be gone.
const startTimeout = 2 * time.Minute

// run starts the process; on failure everything is given back.
func (s *Service) run(ctx context.Context, c record.Container, held *provision.Holdings, x *execution, opts StartOptions) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), startTimeout)
	defer cancel()
	err := s.launch(ctx, c, held, x, opts)
	if err != nil && diedUnder(held, err) {
		err = record.NotRunning(c.ID)
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
func diedUnder(held *provision.Holdings, err error) bool {
	var f *program.Failure
	// ENOMEM is also what fork(2) says in a pid namespace whose first process ends.
	dying := errors.As(err, &f) && (f.Errno == unix.ESRCH || f.Errno == unix.ENOMEM || f.Errno == 0)
	for end := time.Now().Add(dyingTime); ; time.Sleep(time.Millisecond) {
		if pidfd.Ended(held.Pidfd) {
			return true
		}
		if !dying || time.Now().After(end) {
			return false
		}
	}
}

func (s *Service) launch(ctx context.Context, c record.Container, held *provision.Holdings, x *execution, opts StartOptions) error {
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
	p, err := s.host.PrepareExec(c, held, x.id, cfg)
	if err != nil {
		return err
	}
	undo.Add(p.IO().CloseAll)
	defer p.CloseChildEnds()
	failpoint.At("exec.prepared")
	proc, pidfd, err := provision.StartProgram(ctx, client, s.host.Request(p, x.id, c.ID, nil))
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
	failpoint.At("exec.running")
	x.began(proc.Pid, pidfd, p.IO(), func() { client.CloseStdin(context.Background(), x.id) })
	return nil
}

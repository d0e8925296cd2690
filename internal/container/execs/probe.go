package execs

import (
	"context"
	"io"

	"golang.org/x/sys/unix"

	"berth/internal/container/record"
	"berth/internal/fault"
	"berth/internal/linux/pidfd"
)

// Probe runs a program in a container that nobody asks for by its ID, and returns what waits for its exit code.
// When the wait is given up the program is killed.
func (s *Service) Probe(ctx context.Context, container string, argv []string, out io.Writer) (func(context.Context) (int, error), error) {
	id, err := s.ExecCreate(ctx, container, record.ExecConfig{Cmd: argv, AttachStdout: true, AttachStderr: true})
	if err != nil {
		return nil, err
	}
	x := s.index.get(id)
	over := make(chan error, 1)
	go func() {
		defer s.index.drop(id) // nobody asks for it afterwards
		// Its end is waited for even when nobody wants to know any more: it is killed then.
		over <- s.ExecStart(context.WithoutCancel(ctx), id, StartOptions{Open: func(bool) (io.Reader, io.Writer, io.Writer, error) { return nil, out, out, nil }})
	}()
	select {
	case <-x.up:
	case err := <-over: // it is through already, or cannot run
		if err != nil {
			return nil, err
		}
		over <- nil
	}
	return func(ctx context.Context) (int, error) {
		select {
		case err = <-over:
		case <-ctx.Done():
			x.kill()
			<-over // so that probes that hang do not pile up
			return -1, ctx.Err()
		}
		if err != nil {
			return -1, err
		}
		return x.exitCode()
	}, nil
}

// kill ends an exec's process with those that it has started in its group: it is
// the leader of a session.
func (x *execution) kill() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.pidfd != nil {
		_ = pidfd.SendGroup(x.pidfd, unix.SIGKILL) // it may have ended
	}
}

func (x *execution) exitCode() (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.code == nil {
		return -1, fault.New(fault.Internal, "the exit code of the health check is not known")
	}
	return *x.code, nil
}

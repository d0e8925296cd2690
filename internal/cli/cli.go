// Package cli is the `berth` client: the docker CLI's commands and wording,
// talking the Engine API. A command is a file with a New function, which
// declares it, and a run function, which does it; they share a
// session.Session and never each other's state.
package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"berth/internal/cli/session"
	"berth/internal/cli/system"
	"berth/internal/cli/terminal"
)

// terminated is why a run ended when a signal ended it.
type terminated struct{ sig os.Signal }

func (t terminated) Error() string { return t.sig.String() }

// Main runs the client with arguments and returns its exit code.
func Main(s *session.Session, b system.Build, args []string) int {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	defer s.Terminal.Restore()
	stop := onSignals(s, cancel)
	defer stop()
	root := newRoot(s, b)
	root.SetArgs(args)
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	err := root.ExecuteContext(ctx)
	s.Terminal.Restore()
	// A container that got the signal has a code of its own, which counts.
	var ended terminated
	if errors.As(context.Cause(ctx), &ended) && (errors.As(err, new(terminated)) || errors.Is(err, context.Canceled)) {
		return 128 + terminal.Number(ended.sig)
	}
	return report(s, err)
}

// report prints an error and returns the exit code for it.
func report(s *session.Session, err error) int {
	if err == nil || errors.As(err, new(session.Cancelled)) {
		return 0
	}
	if text := err.Error(); text != "" {
		_, _ = fmt.Fprintln(s.Err, text)
	}
	var status *session.StatusError
	if errors.As(err, &status) && status.Code != 0 {
		return status.Code
	}
	return 1
}

// onSignals ends the run at the first SIGINT or SIGTERM and the process at the
// third, for the case that the run does not end.
func onSignals(s *session.Session, cancel context.CancelCauseFunc) (stop func()) {
	c := make(chan os.Signal, 3)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		for n := 1; ; n++ {
			select {
			case sig := <-c:
				cancel(terminated{sig})
				if n == 3 {
					s.Terminal.Restore()
					_, _ = fmt.Fprintln(s.Err, "\ngot 3 SIGTERM/SIGINTs, forcefully exiting")
					os.Exit(1)
				}
			case <-done:
				return
			}
		}
	}()
	return func() {
		signal.Stop(c)
		close(done)
	}
}

// validLogLevel knows the values of --log-level; nothing is as good as the default.
func validLogLevel(level string) bool {
	return level == "" || slices.Contains([]string{"debug", "info", "warn", "warning", "error", "fatal", "panic", "trace"}, level)
}

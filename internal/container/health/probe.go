package health

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"berth/internal/fault"
)

// Target is a running container as the probes see it.
type Target interface {
	// Start runs a program in the container, with its output going to out. The
	// returned function waits for its end and kills it when ctx ends first.
	Start(ctx context.Context, argv []string, out io.Writer) (wait func(ctx context.Context) (code int, err error), err error)
	// NetNS opens the container's network namespace; the caller closes it.
	NetNS() (*os.File, error)
}

// probe is one way of finding out: it returns once ctx is done at the latest,
// and 0 means that the container is healthy.
type probe func(ctx context.Context, t Target, out io.Writer, timeout time.Duration) (code int, err error)

// probe makes the probe of a check's test. shell is what CMD-SHELL is given to.
func (c *Check) probe(shell []string) (probe, error) {
	if len(c.Test) == 0 {
		return nil, nil
	}
	kind, args := c.Test[0], c.Test[1:]
	switch kind {
	case "NONE":
		return nil, nil
	case "CMD":
		if len(args) > 0 {
			return program(args), nil
		}
		return nil, fault.New(fault.Invalid, "the test in Healthcheck has no command")
	case "CMD-SHELL":
		if len(args) == 0 {
			return nil, fault.New(fault.Invalid, "the test in Healthcheck has no command")
		}
		if len(shell) == 0 {
			shell = []string{"/bin/sh", "-c"}
		}
		return program(append(shell[:len(shell):len(shell)], args...)), nil
	case "HTTP", "TCP":
		if len(args) != 1 {
			return nil, fault.New(fault.Invalid, "the test in Healthcheck takes one address behind %s", kind)
		}
		if kind == "HTTP" {
			return web(args[0])
		}
		return tcp(args[0])
	}
	return nil, fault.New(fault.Invalid, "Unknown healthcheck type '%s' (expected 'CMD', 'CMD-SHELL', 'HTTP', 'TCP' or 'NONE')", kind)
}

// program probes by running a program in the container. The time that its start takes
// is the engine's, and does not count.
func program(argv []string) probe {
	return func(ctx context.Context, t Target, out io.Writer, timeout time.Duration) (int, error) {
		wait, err := t.Start(ctx, argv, out)
		if err != nil {
			return -1, err
		}
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		return wait(ctx)
	}
}

// run probes once. It is false when the engine could not: that tells nothing of the container.
func (c *Check) run(ctx context.Context, p probe, t Target) (Result, bool) {
	r := Result{Start: time.Now().UTC()}
	out := &output{}
	code, err := p(ctx, t, out, c.timeout())
	r.End, r.ExitCode, r.Output = time.Now().UTC(), code, out.String()
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		r.ExitCode = -1
		text := fmt.Sprintf("Health check exceeded timeout (%v)", c.timeout())
		if r.Output != "" {
			text += ": " + r.Output
		}
		r.Output = text
	case fault.Is(err, fault.Unavailable):
		return r, false
	case err != nil:
		r.ExitCode, r.Output = -1, err.Error()
	}
	return r, true
}

package probing

import (
	"context"
	"io"
	"os"
	"strconv"

	"berth/internal/container/execs"
	"berth/internal/container/provision"
	"berth/internal/container/record"
	"berth/internal/fault"
	"berth/internal/linux/pidfd"
)

// target is a run as its probes see it.
type target struct {
	execs *execs.Service
	id    string // the container's
	held  *provision.Holdings
}

// NetNS opens the run's network namespace.
func (t target) NetNS() (*os.File, error) {
	f, err := os.Open("/proc/" + strconv.Itoa(t.held.Pid) + "/ns/net")
	if err != nil {
		return nil, fault.As(fault.Internal, err)
	}
	if pidfd.Ended(t.held.Pidfd) { // the pid may have been another process's by then
		f.Close()
		return nil, record.NotRunning(t.id)
	}
	return f, nil
}

// Start runs a program in the container as exec does.
func (t target) Start(ctx context.Context, argv []string, out io.Writer) (func(context.Context) (int, error), error) {
	return t.execs.Probe(ctx, t.id, argv, out)
}

package container

import (
	"context"

	"berth/internal/container/record"
	"berth/internal/container/top"
	"berth/internal/fault"
)

// Top tells what runs in a container, by the host's numbers: the usual table, or with arguments what the
// host's ps prints of it. It waits for no verb.
func (s Usage) Top(ctx context.Context, ref, args string) (top.Table, error) {
	e, err := s.index.find(ref)
	if err != nil {
		return top.Table{}, err
	}
	l := e.live.Load()
	if l == nil {
		return top.Table{}, record.Idle(e.snapshot())
	}
	if l.Group == nil {
		return top.Table{}, noGroup(e.id)
	}
	pids, err := l.Group.Procs()
	if err != nil || e.live.Load() != l { // the group may be the next run's by now, and has other processes
		return top.Table{}, record.NotRunning(e.id)
	}
	var table top.Table
	if args == "" || args == top.Usual {
		table, err = top.Read(pids)
	} else {
		table, err = top.Ask(ctx, args, pids)
	}
	if err == nil {
		s.tells().of(e.snapshot(), "top")
	}
	return table, err
}

// noGroup is the answer where a running container's control group has been taken away.
func noGroup(id string) error {
	return fault.New(fault.Internal, "the control group of container %s cannot be found", id)
}

package usage

import (
	"context"

	"berth/internal/container/record"
	"berth/internal/container/top"
)

// Top tells what runs in a container, by the host's numbers: the usual table, or with arguments what the
// host's ps prints of it. It waits for no verb.
func (s *Service) Top(ctx context.Context, ref, args string) (top.Table, error) {
	of, err := s.find(ref)
	if err != nil {
		return top.Table{}, err
	}
	c := of.Snapshot()
	held, _ := of.Running()
	if held == nil {
		return top.Table{}, record.Idle(c)
	}
	if held.Group == nil {
		return top.Table{}, record.NoGroup(c.ID)
	}
	pids, err := held.Group.Procs()
	if now, _ := of.Running(); err != nil || now != held { // the group may be the next run's by now, and has other processes
		return top.Table{}, record.NotRunning(c.ID)
	}
	var table top.Table
	if args == "" || args == top.Usual {
		table, err = top.Read(pids)
	} else {
		table, err = top.Ask(ctx, args, pids)
	}
	if err == nil {
		s.tells.Of(of.Snapshot(), "top")
	}
	return table, err
}

package container

import (
	"strconv"
	"time"

	"berth/internal/container/restart"
	"berth/internal/fault"
	"berth/internal/state"
)

// readAsks reads what users have asked of runs whose ends are not recorded.
func (s recovery) readAsks() error {
	var stray []state.Op
	err := s.deps.Store.Each(asksBucket, func(id string, value []byte) error {
		n, err := strconv.Atoi(string(value))
		if err != nil {
			return fault.Wrap(fault.Internal, err, "what was asked of container %s cannot be read", id)
		}
		s.asks[id] = restart.Asked(n)
		if _, err := s.index.Find(id); err != nil { // it has been removed since
			stray = append(stray, state.Op{Bucket: asksBucket, Key: id})
		}
		return nil
	})
	if err != nil || len(stray) == 0 {
		return err
	}
	return s.deps.Store.Commit(stray...)
}

// revive has a container that is down wait for its start, when its policy says
// so for a daemon that starts. One that waits already keeps its time.
func (s recovery) revive(e *entry) {
	c := e.snapshot()
	if c.State != Exited {
		return
	}
	plan := c.HostConfig.RestartPolicy.AtBoot(restart.End{Code: c.Run.ExitCode, Count: c.Restarts, Asked: c.Restart.Asked})
	if !plan.Again {
		return
	}
	e.change(func(c *Container) { c.Restarts, c.Restart = 0, restart.Memory{} })
	s.runs().plan(e, plan, time.Now())
}

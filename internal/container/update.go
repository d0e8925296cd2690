package container

import (
	"context"

	"berth/internal/container/config"
	"berth/internal/container/ocispec"
	"berth/internal/container/record"
	"berth/internal/event"
	"berth/internal/failpoint"
	"berth/internal/fault"
	"berth/internal/state"
)

// Update changes what a container may use, and its restart policy; of a running one at once. It is durable
// when Update returns. When it fails, and also when the daemon is killed before it has answered, the
// record has the old limits; a failed change has been taken back in the control group, too.
func (s Changes) Update(ctx context.Context, ref string, u config.Update) error {
	e, err := s.index.Find(ref)
	if err != nil {
		return err
	}
	if err := u.Check(); err != nil {
		return err
	}
	if err := e.lock(ctx); err != nil {
		return err
	}
	defer e.unlock()
	err = s.update(e, u)
	return fault.Wrap(fault.KindOf(err), err, "Cannot update container %s", e.id)
}

func (s Changes) update(e *entry, u config.Update) error {
	c := e.snapshot()
	switch c.State {
	case Removing, Removed, Dead:
		return fault.New(fault.Conflict, "container is marked for removal and cannot be \"update\"")
	}
	had := c.HostConfig.Resources
	var err error
	if c.HostConfig, err = u.Apply(c.HostConfig); err != nil {
		return err
	}
	undo := func() error { return nil }
	if l := e.live.Load(); l != nil {
		if undo, err = limit(l, u, had, c); err != nil {
			return err
		}
	}
	failpoint.At("update.limited")
	ops := []state.Op{put(c)}
	if c.HostConfig.RestartPolicy.None() { // nobody asks for what was asked any more
		ops = append(ops, state.Op{Bucket: asksBucket, Key: c.ID})
	}
	if err := s.deps.Store.Commit(ops...); err != nil {
		if err := undo(); err != nil {
			s.deps.Warn("the limits of container %s are not those of its record: %v", e.id, err)
		}
		return fault.Wrap(fault.Internal, err, "the change cannot be recorded")
	}
	failpoint.At("update.recorded")
	s.tells.Of(e.change(func(now *Container) { now.HostConfig = c.HostConfig }), event.Update)
	s.host.Warmth().Forget(e.id) // its sandbox has the old limits
	failpoint.At("update.told")
	return s.runs().policyChanged(e)
}

// limit changes the limits of a run, and returns what takes it back.
func limit(l *live, u config.Update, had config.Resources, c Container) (undo func() error, err error) {
	if l.Group == nil {
		return nil, record.NoGroup(c.ID)
	}
	r := u.Limits(c.HostConfig.Resources)
	if err := ocispec.LimitBlocks(r, u.Blocks(had, c.HostConfig.Resources)); err != nil {
		return nil, err
	}
	if r.Memory != nil && r.Memory.Limit != nil {
		l.Group.Reclaim(*r.Memory.Limit)
	}
	change, err := l.Group.Change(r)
	if err != nil {
		return nil, err
	}
	return change.WriteOrLeave()
}

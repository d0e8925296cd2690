package container

import (
	"context"
	"time"

	"berth/internal/container/notice"
	"berth/internal/event"
	"berth/internal/fault"
)

// PruneOptions say which of the containers that do not run are removed.
type PruneOptions struct {
	Until   time.Time                                // those made later stay; zero for no bound
	Matches func(labels map[string]string) bool      // nil for all
	Size    func(id string) (bytes int64, err error) // of a container's own layer
}

// PruneReport is what a prune has removed.
type PruneReport struct {
	IDs       []string // the newest first
	Reclaimed int64    // bytes
}

// Prune removes containers that do not run. One that cannot be removed stays, and
// so do its volumes: a prune never takes data along. When ctx ends it has removed
// what the report says.
func (s Changes) Prune(ctx context.Context, opts PruneOptions) (PruneReport, error) {
	var report PruneReport
	if !s.pruning.TryLock() {
		return report, fault.New(fault.Conflict, "a prune operation is already running")
	}
	defer s.pruning.Unlock()
	for _, e := range s.index.All() {
		if ctx.Err() != nil {
			break
		}
		if !opts.takes(e.snapshot()) {
			continue
		}
		size, err := opts.Size(e.id)
		if err != nil {
			return report, err
		}
		if err := s.Remove(ctx, e.id, RemoveOptions{}); err != nil {
			if !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Conflict) { // those somebody else was faster with
				s.deps.Warn("failed to prune container %s: %v", e.id, err)
			}
			continue
		}
		report.IDs = append(report.IDs, e.id)
		report.Reclaimed += size
	}
	s.deps.Publish(notice.Pruned(event.Container, report.Reclaimed))
	return report, nil
}

// takes reports whether a container is one of those.
func (o PruneOptions) takes(c Container) bool {
	if c.State.Up() || c.State == Starting || c.State == Restarting || c.State == Removing || c.State == Removed {
		return false
	}
	return (o.Until.IsZero() || !c.Created.After(o.Until)) && (o.Matches == nil || o.Matches(c.Config.Labels))
}

//go:build linux

package life

import (
	"context"

	"berth/internal/fault"
	"berth/internal/linux/cgroup"
	"berth/internal/oci/store"
)

// Pause stops all processes of a container, without their noticing.
func (r *Runtime) Pause(id string) error {
	return r.withGroup(id, func(g *cgroup.Group, _ store.Record, status string) error {
		if status != running && status != created {
			return fault.New(fault.Conflict, "container not running or created: %s", status)
		}
		ctx, cancel := context.WithTimeout(context.Background(), killTime)
		defer cancel()
		return g.Freeze(ctx)
	})
}

// Resume lets a paused container go on.
func (r *Runtime) Resume(id string) error {
	return r.withGroup(id, func(g *cgroup.Group, _ store.Record, status string) error {
		if status != paused {
			return fault.New(fault.Conflict, "container not paused")
		}
		ctx, cancel := context.WithTimeout(context.Background(), killTime)
		defer cancel()
		return g.Thaw(ctx)
	})
}

// withGroup runs a verb on the control group of a container.
func (r *Runtime) withGroup(id string, act func(*cgroup.Group, store.Record, string) error) error {
	d, rec, err := locked(r.Store, id)
	if err != nil {
		return err
	}
	defer d.Unlock()
	g, now, err := liveGroup(d, rec)
	if err != nil {
		return err
	}
	return act(g, rec, now)
}

// liveGroup is the control group of a container that has not stopped.
func liveGroup(d *store.Dir, rec store.Record) (*cgroup.Group, string, error) {
	now := status(d, rec)
	if now == stopped {
		return nil, now, fault.New(fault.Conflict, "container not running")
	}
	g, err := group(rec)
	if err == nil && g == nil {
		err = fault.New(fault.Unsupported, "The container has no control group.")
	}
	return g, now, err
}

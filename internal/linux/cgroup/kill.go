package cgroup

import (
	"context"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// Kill sends SIGKILL to every process of the group, frozen or not, and
// returns when none is left or ctx ends. A group that is gone has none.
func (g *Group) Kill(ctx context.Context) error {
	tree, ok := unified(g.places)
	if !ok {
		return g.hunt(ctx)
	}
	// cgroup.kill is there from Linux 5.14. It misses nobody who is in the tree.
	err := put(filepath.Join(tree.Dir, "cgroup.kill"), "1")
	switch {
	case err == nil && g.h.version == V2:
		return poll(ctx, "empty", func() (bool, error) {
			n, err := tree.keyed("cgroup.events", "populated")
			if fault.Is(err, fault.NotFound) {
				return true, nil
			}
			return n == 0, err
		})
	case err == nil:
		// What may be left beside the tree is found in version 1; mostly there is nothing.
		if procs, err := g.Procs(); err == nil && len(procs) == 0 {
			return nil
		}
	case g.h.version == V2 && !gone(err):
		return explain(err, "cgroup.kill")
	}
	return g.hunt(ctx)
}

// hunt kills the group's processes one by one.
func (g *Group) hunt(ctx context.Context) error {
	return poll(ctx, "empty", func() (bool, error) {
		// A frozen group cannot fork ahead of us, nor can its pids be reused.
		// What does not freeze at once (a task in the kernel) is met next time.
		short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		_ = g.freeze(short)
		cancel()
		procs, err := g.Procs()
		for _, pid := range procs {
			unix.Kill(pid, unix.SIGKILL)
		}
		// Without a freezer, or without the group, there is nothing to thaw.
		thawed := g.Thaw(ctx)
		if err == nil && !fault.Is(thawed, fault.Unsupported) && !fault.Is(thawed, fault.NotFound) {
			err = thawed
		}
		return err == nil && len(procs) == 0, err
	})
}

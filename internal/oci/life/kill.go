//go:build linux

package life

import (
	"context"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/oci/store"
)

const sigKill = unix.SIGKILL

// Kill sends a signal to a container's first process, or to all of its
// processes. It takes no lock: whatever a container hangs in, it can be killed.
func (r *Runtime) Kill(id string, sig unix.Signal, all bool) error {
	d, rec, err := find(r.Store, id)
	if err != nil {
		return err
	}
	if !all {
		if err := rec.Signal(sig); err != nil || sig != sigKill {
			return err
		}
		// On version 1 what is frozen does not even die.
		if status(d, rec) == paused {
			return thaw(rec)
		}
		return nil
	}
	g, err := group(rec)
	if err != nil {
		return err
	}
	if g == nil {
		return fault.New(fault.Conflict, "container not running")
	}
	if sig == sigKill {
		ctx, cancel := context.WithTimeout(context.Background(), killTime)
		defer cancel()
		return g.Kill(ctx)
	}
	procs, err := g.Procs()
	for _, pid := range procs {
		if kill := unix.Kill(pid, sig); kill != nil && kill != unix.ESRCH && err == nil {
			err = fault.Wrap(fault.Internal, kill, "unable to signal process %d", pid)
		}
	}
	return err
}

// thaw lets what was killed die. Its group may be gone by then.
func thaw(rec store.Record) error {
	g, err := group(rec)
	if err != nil || g == nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), killTime)
	defer cancel()
	if err := g.Thaw(ctx); !fault.Is(err, fault.NotFound) {
		return err
	}
	return nil
}

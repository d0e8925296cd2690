//go:build linux

package life

import (
	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/fault"
	"berth/internal/oci/hook"
	"berth/internal/oci/store"
)

// Start lets a created container run.
func (r *Runtime) Start(id string) error {
	d, rec, err := locked(r.Store, id)
	if err != nil {
		return err
	}
	defer d.Unlock()
	switch now := status(d, rec); now {
	case created:
		return startWaiting(&r.starter, d, rec)
	case stopped:
		return fault.New(fault.Conflict, "cannot start a container that has stopped")
	case running:
		return fault.New(fault.Conflict, "cannot start an already running container")
	default:
		return fault.New(fault.Conflict, "cannot start a container in the %s state", now)
	}
}

func startWaiting(x *starter, d *store.Dir, rec store.Record) error {
	spec, err := config(d)
	if err != nil {
		return err
	}
	if err := x.startContainer(d, spec, rec); err != nil {
		_ = rec.Signal(sigKill) // it is still waiting, unless it was killed
		return err
	}
	return poststart(spec, rec)
}

// poststart runs the hooks of that name. A container whose hooks fail is not
// what its user wanted, so it is ended.
func poststart(spec *specs.Spec, rec store.Record) error {
	if spec.Hooks == nil {
		return nil
	}
	err := hook.Run("poststart", spec.Hooks.Poststart, hookState(rec, spec, specs.StateRunning))
	if err != nil && rec.Signal(sigKill) == nil {
		rec.Ended(killTime)
	}
	return err
}

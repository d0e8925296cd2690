//go:build linux

package life

import (
	"context"
	"errors"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/fault"
	"berth/internal/linux/cgroup"
	"berth/internal/linux/cgroup/systemd"
	"berth/internal/oci/hook"
	"berth/internal/oci/store"
)

// Delete forgets a container that has stopped or has not been started yet;
// with force also one that runs. With force it is no error when there is none.
func (r *Runtime) Delete(id string, force bool) error {
	err := r.delete(id, force)
	if force && fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

func (r *Runtime) delete(id string, force bool) error {
	d, err := r.Store.Open(id)
	if err != nil {
		return err
	}
	if rec, err := d.Load(); err == nil && force {
		// Before the lock: whoever holds it may wait for this process.
		_ = rec.Signal(sigKill) // it may have ended, which is as good
	}
	if err := d.Lock(); err != nil {
		return err
	}
	defer d.Unlock()
	rec, err := d.Load()
	if fault.Is(err, fault.NotFound) {
		// Its creation was killed on the way.
		sweep(d, id)
		return errors.Join(d.Remove(), err)
	}
	if err != nil {
		return err
	}
	if now := status(d, rec); now != stopped && now != created && !force {
		return fault.New(fault.Conflict, "cannot delete container %s that is not stopped: %s", id, now)
	}
	return r.destroy(d, rec)
}

// sweep removes the control group of a container of which no state was written.
// It may be another's, who lives there; so nobody in it is killed.
func sweep(d *store.Dir, id string) {
	spec, err := config(d)
	if err != nil || spec.Linux == nil {
		return
	}
	u, err := systemd.Parse(spec.Linux.CgroupsPath, id)
	if err == nil {
		sweepGroup(u.Group(), true)
	}
	if err != nil || spec.Linux.CgroupsPath == "" { // which either driver may have taken
		sweepGroup(groupPath(id, spec.Linux), false)
	}
}

func sweepGroup(name string, ofSystemd bool) {
	if g, err := group(store.Record{Cgroup: name}); err == nil && g != nil {
		if !empties(g) {
			return // what is in use now stays
		}
		_ = g.Remove(context.Background())
	}
	if ofSystemd {
		_ = endUnit(name) // there may be none
	}
}

// empties waits until nobody is in a group: a child of a creation that was killed ends
// when it asks for something and nobody answers.
func empties(g *cgroup.Group) bool {
	for end := time.Now().Add(time.Second / 4); ; time.Sleep(time.Millisecond) {
		procs, err := g.Procs()
		if err != nil || len(procs) == 0 {
			return err == nil
		}
		if time.Now().After(end) {
			return false
		}
	}
}

// destroy ends what is left of a container and forgets it.
func (r *Runtime) destroy(d *store.Dir, rec store.Record) error {
	spec, err := config(d)
	if err != nil {
		r.Warn(err.Error())
		spec = &specs.Spec{}
	}
	g, err := group(rec)
	if err != nil {
		r.Warn(err.Error())
	}
	if rec.Signal(sigKill) == nil {
		if g != nil {
			r.killGroup(g)
		}
		if !rec.Ended(killTime) {
			return fault.New(fault.Conflict, "container init still running")
		}
	}
	return r.forget(d, rec, spec, g)
}

// forget removes what is left of a container that has ended.
func (r *Runtime) forget(d *store.Dir, rec store.Record, spec *specs.Spec, g *cgroup.Group) error {
	r.endGroup(rec, g)
	if err := d.Remove(); err != nil {
		return err
	}
	if spec.Hooks == nil {
		return nil
	}
	rec.Pid = 0
	// Each is run whatever became of the one before (runtime.md, lifecycle).
	for _, h := range spec.Hooks.Poststop {
		if err := hook.Run("poststop", []specs.Hook{h}, hookState(rec, spec, specs.StateStopped)); err != nil {
			r.Warn(err.Error())
		}
	}
	return nil
}

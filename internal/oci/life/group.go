//go:build linux

package life

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/linux/cgroup"
	"berth/internal/oci/store"
	"berth/internal/runtime"
)

// killTime is how long the kernel may take to end processes that were killed.
const killTime = 10 * time.Second

// groupPath is where a container's control group goes.
func groupPath(id string, l *specs.Linux) string {
	if l.CgroupsPath == "" {
		return "/" + id
	}
	return path.Join("/", l.CgroupsPath)
}

// makeGroup makes the container's control group.
func (j *job) makeGroup() error {
	h, err := cgroup.Detect()
	if err != nil {
		return err
	}
	limits, confined := j.spec.Linux.Resources, confined()
	if confined {
		limits = withoutDevices(limits)
	} else {
		limits = withDevices(limits)
	}
	if kernelMemory(limits) {
		j.r.Warn("linux.resources.memory.kernel is ignored: Linux has no such limit any more.")
	}
	name, create := groupPath(j.rec.ID, j.spec.Linux), h.Create
	if j.r.Systemd {
		create = h.Complete
		if name, err = j.makeUnit(h, limits); err != nil {
			return err
		}
	}
	j.group, err = create(name, limits)
	if confined && unlimited(limits) && (errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EROFS)) {
		// A user to whom nobody has delegated a group stays in his own.
		j.in.Cgroup = runtime.Cgroup{Unified: h.Version() == cgroup.V2}
		return nil
	}
	if err != nil {
		return err
	}
	j.rec.Cgroup = name
	j.onFailure(func() { j.r.endGroup(j.rec, j.group) })
	dir, err := j.group.Open()
	if err != nil {
		return err
	}
	if dir != nil {
		j.cargo.give(runtime.FdCgroup, dir)
	}
	j.in.Cgroup = cgroupInputs(h, j.group)
	return nil
}

// kernelMemory reports whether the limits have one that package cgroup leaves out.
func kernelMemory(r *specs.LinuxResources) bool {
	//lint:ignore SA1019 old callers still ask for it
	return r != nil && r.Memory != nil && r.Memory.Kernel != nil && *r.Memory.Kernel > 0
}

// cgroupInputs says where the child belongs and what it sees in /sys/fs/cgroup.
func cgroupInputs(h cgroup.Hierarchy, g *cgroup.Group) runtime.Cgroup {
	in := runtime.Cgroup{Join: g.JoinFiles(), Unified: h.Version() == cgroup.V2}
	for _, p := range g.Places() {
		if !p.Unified {
			in.Hierarchies = append(in.Hierarchies, runtime.Hierarchy{Controllers: p.Controllers, Name: p.Name, Path: p.Dir})
		}
	}
	return in
}

// group is the container's control group; nil when it never had one or has it
// no longer.
func group(rec store.Record) (*cgroup.Group, error) {
	if rec.Cgroup == "" {
		return nil, nil
	}
	h, err := cgroup.Detect()
	if err != nil {
		return nil, err
	}
	g, err := h.Open(rec.Cgroup)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	return g, err
}

// endGroup ends what is left in a container's group and removes it. g is nil when
// it is gone.
func (r *Runtime) endGroup(rec store.Record, g *cgroup.Group) {
	if g != nil && !g.RemoveEmpty() { // it is empty after most ends
		if procs, err := g.Procs(); err == nil && len(procs) > 0 {
			r.killGroup(g)
		}
		if err := g.Remove(context.Background()); err != nil {
			r.Warn(err.Error())
		}
	}
	if rec.Systemd && rec.Cgroup != "" {
		if err := endUnit(rec.Cgroup); err != nil {
			r.Warn(err.Error())
		}
	}
}

func (r *Runtime) killGroup(g *cgroup.Group) {
	ctx, cancel := context.WithTimeout(context.Background(), killTime)
	defer cancel()
	if err := g.Kill(ctx); err != nil {
		r.Warn(err.Error())
	}
}

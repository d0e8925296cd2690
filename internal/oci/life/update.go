//go:build linux

package life

import (
	"context"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/fault"
	"berth/internal/linux/cgroup"
	"berth/internal/linux/cgroup/systemd"
	"berth/internal/oci/store"
)

// Update changes the limits that are given and leaves the others.
func (r *Runtime) Update(id string, limits *specs.LinuxResources) error {
	return r.withGroup(id, func(g *cgroup.Group, rec store.Record, _ string) error {
		err := tellSystemd(rec, g, limits)
		if err == nil {
			err = g.Update(limits)
		}
		return fault.Wrap(fault.Invalid, err, "The limits cannot be changed")
	})
}

// tellSystemd changes the limits of a container's unit, if it has one.
func tellSystemd(rec store.Record, g *cgroup.Group, limits *specs.LinuxResources) error {
	if !rec.Systemd {
		return nil
	}
	values, err := g.Values(limits)
	if err != nil {
		return err
	}
	properties, err := systemd.Properties(values)
	if err != nil {
		return err
	}
	return systemd.System().Set(context.Background(), systemd.Of(rec.Cgroup), properties)
}

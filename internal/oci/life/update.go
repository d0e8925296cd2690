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
		change, err := g.Change(limits)
		if err == nil && rec.Systemd {
			err = tellSystemd(rec, change.Values())
		}
		if err == nil {
			err = change.Write()
		}
		return fault.Wrap(fault.Invalid, err, "The limits cannot be changed")
	})
}

// tellSystemd changes the limits of a container's unit.
func tellSystemd(rec store.Record, values []cgroup.Value) error {
	properties, err := systemd.Properties(values)
	if err != nil {
		return err
	}
	return systemd.System().Set(context.Background(), systemd.Of(rec.Cgroup), properties)
}

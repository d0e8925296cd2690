//go:build linux

package life

import (
	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/fault"
	"berth/internal/linux/cgroup"
)

// Update changes the limits that are given and leaves the others.
func (r *Runtime) Update(id string, limits *specs.LinuxResources) error {
	return r.withGroup(id, func(g *cgroup.Group, _ string) error {
		return fault.Wrap(fault.Invalid, g.Update(limits), "The limits cannot be changed")
	})
}

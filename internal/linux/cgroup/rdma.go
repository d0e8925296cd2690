package cgroup

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/fault"
)

// rdma is alike in both versions: one write for each device
// (Documentation/admin-guide/cgroup-v1/rdma.rst). What is not named keeps its limit.
func (p *planner) rdma(r *specs.LinuxResources) error {
	for _, device := range sorted(r.Rdma) {
		if device == "" || strings.ContainsAny(device, " \t\n\x00") {
			return fault.New(fault.Invalid, "%q is not the name of an RDMA device.", device)
		}
		value := device
		if n := r.Rdma[device].HcaHandles; n != nil {
			value += fmt.Sprintf(" hca_handle=%d", *n)
		}
		if n := r.Rdma[device].HcaObjects; n != nil {
			value += fmt.Sprintf(" hca_object=%d", *n)
		}
		if value == device {
			return fault.New(fault.Invalid, "The RDMA limits of %s name neither handles nor objects.", device)
		}
		p.add("rdma", "rdma.max", value)
	}
	return nil
}

func sorted[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }

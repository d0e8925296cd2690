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
func rdma(out *steps, limits map[string]specs.LinuxRdma) error {
	for _, device := range slices.Sorted(maps.Keys(limits)) {
		if device == "" || strings.ContainsAny(device, " \t\n\x00") {
			return fault.New(fault.Invalid, "%q is not the name of an RDMA device.", device)
		}
		value := device
		if n := limits[device].HcaHandles; n != nil {
			value += fmt.Sprintf(" hca_handle=%d", *n)
		}
		if n := limits[device].HcaObjects; n != nil {
			value += fmt.Sprintf(" hca_object=%d", *n)
		}
		if value == device {
			return fault.New(fault.Invalid, "The RDMA limits of %s name neither handles nor objects.", device)
		}
		out.add("rdma", "rdma.max", value)
	}
	return nil
}

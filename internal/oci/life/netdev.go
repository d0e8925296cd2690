//go:build linux

package life

import (
	"maps"
	"os"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/fault"
	"berth/internal/linux/netns"
)

// moveDevices takes the network devices that the spec names into the
// container's network namespace, in the order of their names.
func moveDevices(devices map[string]specs.LinuxNetDevice, pid int) error {
	if len(devices) == 0 {
		return nil
	}
	ns, err := os.Open("/proc/" + itoa(pid) + "/ns/net")
	if err != nil {
		return fault.Wrap(fault.Internal, err, "The container's network namespace cannot be opened")
	}
	defer ns.Close()
	for _, name := range slices.Sorted(maps.Keys(devices)) {
		if err := netns.Move(ns, name, devices[name].Name); err != nil {
			return err
		}
	}
	return nil
}

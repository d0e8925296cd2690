//go:build linux

package life

import (
	"os"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/fault"
)

// checkRights refuses to begin what would fail half-way. Taking a tree of mounts needs
// rights in the mount namespace; an ordinary user has them in a user namespace only, and a
// program with threads, as this one, cannot enter one.
func checkRights() error {
	if os.Geteuid() != 0 {
		return fault.New(fault.Unsupported, "berth-runtime has to be run by root, or by the root of a user namespace (as podman and rootlesskit do for ordinary users).")
	}
	return nil
}

// confined tells whether this process is root in a user namespace only: control
// groups and devices are then the business of whoever made it.
func confined() bool {
	data, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && strings.Join(strings.Fields(string(data)), " ") != "0 0 4294967295"
}

// withoutDevices is a container's limits where no device can be made, and
// nobody may say which may be used.
func withoutDevices(r *specs.LinuxResources) *specs.LinuxResources {
	if r == nil {
		return nil
	}
	out := *r
	out.Devices = nil
	return &out
}

// unlimited tells whether limits say nothing, so that it is no loss when they
// cannot be set.
func unlimited(r *specs.LinuxResources) bool {
	return r == nil || r.Memory == nil && r.CPU == nil && r.Pids == nil && r.BlockIO == nil && r.Network == nil &&
		len(r.HugepageLimits)+len(r.Rdma)+len(r.Unified)+len(r.Devices) == 0
}

// noGroups tells whether processes of this user namespace, and of those made in
// it, may not change their groups (user_namespaces(7)).
func noGroups() bool {
	data, err := os.ReadFile("/proc/self/setgroups")
	return err == nil && strings.TrimSpace(string(data)) == "deny"
}

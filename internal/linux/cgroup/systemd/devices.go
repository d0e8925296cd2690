//go:build linux

package systemd

import (
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/linux/cgroup"
)

// Devices tells systemd of the device rules on version 1, whose files it writes
// anew when it looks at the unit again: without, a reload would allow everything.
// On version 2 our eBPF program stays beside what systemd has, which is nothing.
// What cannot be said of one rule is left out: a device less, not one more.
func Devices(h cgroup.Hierarchy, r *specs.LinuxResources) ([]Property, error) {
	if h.Version() == cgroup.V2 || r == nil || len(r.Devices) == 0 {
		return nil, nil
	}
	allow := []Pair{}
	for _, d := range r.Devices {
		all := d.Type == "" || d.Type == "a"
		switch {
		case all && d.Allow:
			return []Property{{"DevicePolicy", "auto"}, {"DeviceAllow", []Pair{}}}, nil
		case all:
			allow = allow[:0]
		case !d.Allow:
		default:
			if path := node(d); path != "" {
				allow = append(allow, Pair{path, d.Access})
			}
		}
	}
	return []Property{{"DevicePolicy", "strict"}, {"DeviceAllow", allow}}, nil
}

// node names devices for DeviceAllow= (systemd.resource-control(5)).
func node(d specs.LinuxDeviceCgroup) string {
	dir := map[string]string{"c": "char", "b": "block"}[d.Type]
	wild := func(n *int64) bool { return n == nil || *n < 0 }
	switch {
	case dir == "":
		return ""
	case wild(d.Major) && wild(d.Minor):
		return dir + "-*"
	case wild(d.Major) || wild(d.Minor):
		return "" // systemd wants a name from /proc/devices, which need not be there
	}
	return fmt.Sprintf("/dev/%s/%d:%d", dir, *d.Major, *d.Minor)
}

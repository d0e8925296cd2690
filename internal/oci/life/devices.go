//go:build linux

package life

import "github.com/opencontainers/runtime-spec/specs-go"

// withDevices is a container's limits with the rules for the devices that
// every container has; runc adds the same. They come last, so that a profile which
// begins with "deny all" still leaves /dev/null usable.
func withDevices(r *specs.LinuxResources) *specs.LinuxResources {
	out := specs.LinuxResources{}
	if r != nil {
		out = *r
	}
	if n := len(out.Devices); n > 0 && everything(out.Devices[n-1]) {
		return &out
	}
	rule := func(kind, access string, numbers ...int64) specs.LinuxDeviceCgroup {
		d := specs.LinuxDeviceCgroup{Allow: true, Type: kind, Access: access}
		if len(numbers) > 0 {
			d.Major = &numbers[0]
		}
		if len(numbers) > 1 {
			d.Minor = &numbers[1]
		}
		return d
	}
	out.Devices = append(append([]specs.LinuxDeviceCgroup{}, out.Devices...),
		// Nodes may be made; using them is another matter.
		rule("c", "m"), rule("b", "m"),
		rule("c", "rwm", 1, 3), rule("c", "rwm", 1, 5), rule("c", "rwm", 1, 7), rule("c", "rwm", 1, 8), rule("c", "rwm", 1, 9),
		rule("c", "rwm", 5, 0), rule("c", "rwm", 5, 2), rule("c", "rwm", 136))
	return &out
}

// everything tells whether a rule allows all there is.
func everything(d specs.LinuxDeviceCgroup) bool {
	any := func(n *int64) bool { return n == nil || *n == -1 }
	return d.Allow && (d.Type == "" || d.Type == "a") && any(d.Major) && any(d.Minor) && (d.Access == "" || len(d.Access) == 3)
}

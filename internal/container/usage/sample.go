// Package usage is what containers use: measured once a second while somebody looks, for
// everybody who does.
package usage

import (
	"strings"
	"time"

	"berth/internal/linux/cgroup"
	"berth/internal/linux/cgroup/stat"
	"berth/internal/linux/proc"
)

// Link is what a network interface has counted, and Device what was read from or written to a
// block device.
type (
	Link   = proc.Link
	Device = stat.Device
)

// Sample is what a container used up to one moment. The zero Sample is a
// container that did not run.
type Sample struct {
	Time     time.Time
	Unified  bool // Group has the numbers of version 2
	Group    stat.Stats
	Machine  proc.CPUs
	Memory   uint64          // of the machine, in bytes
	Networks map[string]Link // as the container sees them; none without a network of its own
}

// Ran reports whether the container ran when it was measured.
func (s Sample) Ran() bool { return !s.Time.IsZero() }

// Source is a running container. It is only asked while it runs.
type Source struct {
	Group   *cgroup.Group
	Unified bool   // see Sample
	Memory  uint64 // of the machine
	Pid     int    // in whose network namespace to look; 0 for nowhere
}

// Measure reads everything anew.
func (s Source) Measure() (Sample, error) {
	m, err := proc.Machine()
	if err != nil {
		return Sample{}, err
	}
	out := Sample{Time: time.Now().UTC(), Unified: s.Unified, Group: stat.Of(s.Group), Machine: m, Memory: s.Memory}
	if s.Pid != 0 {
		links, err := proc.Links(s.Pid)
		if err != nil {
			return Sample{}, err
		}
		out.Networks = given(links)
	}
	return out, nil
}

// given leaves the interfaces that the engine gave: not the loopback, not what the kernel puts into
// every namespace (tunl0, sit0 …), nor what the container made for itself.
func given(all map[string]proc.Link) map[string]proc.Link {
	for name := range all {
		if number, ok := strings.CutPrefix(name, "eth"); !ok || number == "" || strings.Trim(number, "0123456789") != "" {
			delete(all, name)
		}
	}
	return all
}

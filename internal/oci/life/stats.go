//go:build linux

package life

import (
	"path"

	"berth/internal/fault"
	"berth/internal/linux/cgroup/stat"
	"berth/internal/oci/stats"
)

// Stats tells what a container uses now. The error is fault.Conflict when it
// has stopped.
func (r *Runtime) Stats(id string) (stats.Stats, error) {
	d, rec, err := find(r.Store, id)
	if err != nil {
		return stats.Stats{}, err
	}
	g, _, err := liveGroup(d, rec)
	if err != nil {
		return stats.Stats{}, err
	}
	return stats.Shape(stat.Of(g)), nil
}

// OOMKills counts how often the kernel has killed a process of a container
// for want of memory.
func (r *Runtime) OOMKills(id string) (uint64, error) {
	d, rec, err := find(r.Store, id)
	if err != nil {
		return 0, err
	}
	g, _, err := liveGroup(d, rec)
	if err != nil {
		return 0, err
	}
	n, err := g.OOMKills()
	return n, fault.Wrap(fault.KindOf(err), err, "The kernel's kills of %s cannot be counted", path.Base(rec.Cgroup))
}

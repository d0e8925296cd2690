// Package cgroup makes control groups, on version 1 and on version 2, and
// writes their limits.
//
// It is thin on purpose: a pure function turns OCI resources into a list of
// (controller, file, value), and a small executor writes them. Sources: the
// kernel's Documentation/admin-guide/cgroup-v1/ and cgroup-v2.rst; where OCI
// speaks version 1 and the kernel version 2, the conversion is runc's.
package cgroup

import (
	"cmp"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"

	"berth/internal/fault"
)

// Version is which kernel interface the controllers are on. A hybrid host, with
// controllers on version 1 and a version 2 tree beside them, is V1. Its groups are in
// both: what is left to version 2 (cgroup.kill, pressure, a controller that no version 1
// hierarchy has) works there, and a container is not counted to the group of its maker.
type Version int

// The versions.
const (
	V1 Version = 1
	V2 Version = 2
)

// Hierarchy is the host's cgroup file systems. It does not change; copies are cheap.
type Hierarchy struct {
	version Version
	// mounts are version 1's controllers, then its named hierarchies, then version 2.
	mounts []Place
}

// Place is a directory in one hierarchy, with what acts there.
type Place struct {
	Dir         string
	Controllers []string // in the kernel's order, as "cpu" and "cpuacct" where two share a hierarchy
	Name        string   // of a version 1 hierarchy without controllers: "systemd"
	Unified     bool     // version 2
}

func (p Place) has(controller string) bool { return slices.Contains(p.Controllers, controller) }

// limits reports whether the controller's files are here. Devices and the freezer are
// everywhere in version 2.
func (p Place) limits(controller string) bool {
	return p.has(controller) || p.Unified && (controller == "devices" || controller == "freezer")
}

// Detect looks at this process's mounts. The error is fault.Unavailable when
// no cgroup file system is mounted.
func Detect() (Hierarchy, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return Hierarchy{}, fault.Wrap(fault.Internal, err, "The mounts cannot be listed")
	}
	defer f.Close()
	return detect(f)
}

func detect(r io.Reader) (Hierarchy, error) {
	infos, err := mountinfo.GetMountsFromReader(r, mountinfo.FSTypeFilter("cgroup", "cgroup2"))
	if err != nil {
		return Hierarchy{}, fault.Wrap(fault.Internal, err, "The mounts cannot be listed")
	}
	h := Hierarchy{version: V1}
	var named []Place
	unified := ""
	for _, m := range infos {
		if m.FSType == "cgroup2" {
			unified = cmp.Or(unified, m.Mountpoint)
			continue
		}
		// A hierarchy may be mounted twice.
		p := v1Place(m)
		switch {
		case len(p.Controllers) > 0 && !h.Has(p.Controllers[0]):
			h.mounts = append(h.mounts, p)
		case p.Name != "" && !slices.ContainsFunc(named, func(n Place) bool { return n.Name == p.Name }):
			named = append(named, p)
		}
	}
	if len(h.mounts) == 0 && unified == "" {
		return Hierarchy{}, fault.New(fault.Unavailable, "No cgroup file system is mounted on this host.")
	}
	if len(h.mounts) == 0 {
		return unifiedAt(unified)
	}
	h.mounts = append(h.mounts, named...)
	if unified == "" {
		return h, nil
	}
	if beside, err := unifiedAt(unified); err == nil { // else it is of no use, and not needed
		h.mounts = append(h.mounts, beside.mounts...)
	}
	return h, nil
}

// unifiedAt is a version 2 hierarchy mounted at dir.
func unifiedAt(dir string) (Hierarchy, error) {
	b, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return Hierarchy{}, fault.Wrap(fault.Internal, err, "The cgroup controllers cannot be listed")
	}
	return Hierarchy{version: V2, mounts: []Place{{Dir: dir, Controllers: strings.Fields(string(b)), Unified: true}}}, nil
}

// v1Place reads what a mount's options say of its hierarchy.
func v1Place(m *mountinfo.Info) Place {
	known := []string{"cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "hugetlb", "net_cls", "net_prio", "perf_event", "rdma", "misc"}
	p := Place{Dir: m.Mountpoint}
	for _, o := range strings.Split(m.VFSOptions, ",") {
		if name, ok := strings.CutPrefix(o, "name="); ok {
			p.Name = name
		}
		if slices.Contains(known, o) {
			p.Controllers = append(p.Controllers, o)
		}
	}
	return p
}

// Version says which interface the controllers are on.
func (h Hierarchy) Version() Version { return h.version }

// Has reports whether the host has a controller, by the kernel's name for it
// in this version ("blkio" on 1, "io" on 2).
func (h Hierarchy) Has(controller string) bool {
	return slices.ContainsFunc(h.mounts, func(p Place) bool { return p.has(controller) })
}

// on says whose files a controller has: a hybrid host may have some on version 2.
func (h Hierarchy) on(controller string) Version {
	if controller == "io" && h.Has("blkio") || h.version == V2 {
		return h.version
	}
	for _, p := range h.mounts {
		if p.limits(controller) {
			return map[bool]Version{false: V1, true: V2}[p.Unified]
		}
	}
	return V1
}

// unified is the version 2 tree, which a hybrid host has beside version 1.
func unified(places []Place) (Place, bool) {
	i := slices.IndexFunc(places, func(p Place) bool { return p.Unified })
	if i < 0 {
		return Place{}, false
	}
	return places[i], true
}

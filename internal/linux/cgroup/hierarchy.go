// Package cgroup makes control groups, on version 1 and on version 2, and
// writes their limits.
//
// It is thin on purpose: a pure function turns OCI resources into a list of
// (controller, file, value), and a small executor writes them. Sources: the
// kernel's Documentation/admin-guide/cgroup-v1/ and cgroup-v2.rst; where OCI
// speaks version 1 and the kernel version 2, the conversion is runc's.
package cgroup

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"

	"berth/internal/fault"
)

// Version is which kernel interface the controllers are on. A hybrid host,
// with controllers on version 1 and a bare unified tree, is V1.
type Version int

// The versions.
const (
	V1 Version = 1
	V2 Version = 2
)

// Hierarchy is the host's cgroup file systems. It does not change; copies are cheap.
type Hierarchy struct {
	version Version
	mounts  []place
}

// place is a directory in one hierarchy, with the controllers that act there.
type place struct {
	dir         string
	controllers []string
	unified     bool // version 2
}

func (p place) has(controller string) bool { return slices.Contains(p.controllers, controller) }

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
	unified := ""
	for _, m := range infos {
		if m.FSType == "cgroup2" {
			if unified == "" {
				unified = m.Mountpoint
			}
			continue
		}
		p := place{dir: m.Mountpoint, controllers: v1Controllers(m.VFSOptions)}
		// A hierarchy may be mounted twice; a named one has no controllers.
		if len(p.controllers) > 0 && !h.Has(p.controllers[0]) {
			h.mounts = append(h.mounts, p)
		}
	}
	if len(h.mounts) > 0 {
		return h, nil
	}
	if unified == "" {
		return Hierarchy{}, fault.New(fault.Unavailable, "No cgroup file system is mounted on this host.")
	}
	return unifiedAt(unified)
}

// unifiedAt is a version 2 hierarchy mounted at dir.
func unifiedAt(dir string) (Hierarchy, error) {
	b, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return Hierarchy{}, fault.Wrap(fault.Internal, err, "The cgroup controllers cannot be listed")
	}
	return Hierarchy{version: V2, mounts: []place{{dir: dir, controllers: strings.Fields(string(b)), unified: true}}}, nil
}

func v1Controllers(options string) []string {
	known := []string{"cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "hugetlb", "net_cls", "net_prio", "perf_event", "rdma", "misc"}
	var out []string
	for _, o := range strings.Split(options, ",") {
		if slices.Contains(known, o) {
			out = append(out, o)
		}
	}
	return out
}

// Version says which interface the controllers are on.
func (h Hierarchy) Version() Version { return h.version }

// Controllers lists the controllers of each hierarchy in the kernel's order,
// as ["cpu" "cpuacct"] where two share one. Version 2 has one hierarchy.
func (h Hierarchy) Controllers() [][]string {
	var out [][]string
	for _, p := range h.mounts {
		out = append(out, slices.Clone(p.controllers))
	}
	return out
}

// Has reports whether the host has a controller, by the kernel's name for it
// in this version ("blkio" on 1, "io" on 2).
func (h Hierarchy) Has(controller string) bool {
	return slices.ContainsFunc(h.mounts, func(p place) bool { return p.has(controller) })
}

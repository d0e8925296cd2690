package cgroup

import (
	"os"
	"path/filepath"
	"slices"
)

// LimitsSwap reports whether the kernel limits swap: it may have been built or
// started without that.
func (h Hierarchy) LimitsSwap() bool {
	return h.offers("memory", "memory.memsw.limit_in_bytes") || h.offersUnified("memory", "memory.swap.max")
}

// Weighs reports whether the host's disks are shared by weight: only some schedulers do.
func (h Hierarchy) Weighs() bool {
	return h.offers("blkio", "blkio.weight", "blkio.bfq.weight") || h.offersUnified("io", "io.bfq.weight", "io.weight")
}

// Swaps reports whether a group can have a swappiness of its own: on version 1.
func (h Hierarchy) Swaps() bool { return h.offers("memory", "memory.swappiness") }

// Spares reports whether a group can be kept from the OOM killer: on version 1.
func (h Hierarchy) Spares() bool { return h.offers("memory", "memory.oom_control") }

// RealTime reports whether a group can have time of real-time schedulers: on version 1, and by few kernels.
func (h Hierarchy) RealTime() bool { return h.offers("cpu", "cpu.rt_runtime_us") }

// offers reports whether a version 1 controller has one of the files, in its root or in a group.
func (h Hierarchy) offers(controller string, files ...string) bool {
	return slices.ContainsFunc(h.mounts, func(p Place) bool { return !p.Unified && p.has(controller) && has(p, files) })
}

// offersUnified reports whether a version 2 controller has one of the files. The root has no limits: any group
// below it shows which there are, and without one that the controller is on for it is believed to have them.
func (h Hierarchy) offersUnified(controller string, files ...string) bool {
	return slices.ContainsFunc(h.mounts, func(p Place) bool {
		return p.Unified && p.has(controller) && (has(p, files) || !has(p, []string{controller + ".max"}))
	})
}

func has(p Place, files []string) bool {
	return slices.ContainsFunc(files, func(file string) bool {
		if _, err := os.Stat(filepath.Join(p.Dir, file)); err == nil {
			return true
		}
		found, _ := filepath.Glob(filepath.Join(p.Dir, "*", file)) // the pattern is a good one
		return len(found) > 0
	})
}

package cgroup

import (
	"os"
	"path/filepath"
)

// LimitsSwap reports whether the kernel limits swap: it may have been built or
// started without that.
func (h Hierarchy) LimitsSwap() bool {
	for _, p := range h.mounts {
		if !p.has("memory") {
			continue
		}
		if !p.Unified {
			_, err := os.Stat(filepath.Join(p.Dir, "memory.memsw.limit_in_bytes"))
			return err == nil
		}
		// The root has no limits: any group below it shows which there are.
		found, _ := filepath.Glob(filepath.Join(p.Dir, "*", "memory.swap.max")) // the pattern is a good one
		return len(found) > 0
	}
	return false
}

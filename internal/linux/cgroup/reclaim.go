package cgroup

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// Reclaim asks the kernel to take back what the group uses of memory beyond a number of bytes, as far as
// nobody needs it: files that can be read again. Where it cannot be asked (version 1 does it by
// itself when a limit is set, and kernels before 5.19 know no way) nothing happens.
func (g *Group) Reclaim(limit int64) {
	p, ok := g.Place("memory")
	if !ok || !p.Unified || limit <= 0 {
		return
	}
	text, err := p.read("memory.current")
	if err != nil {
		return
	}
	if used, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64); err == nil && used >= limit {
		// A page more, so that the limit is not met at once. It fails when there is not enough to take.
		_ = put(filepath.Join(p.Dir, "memory.reclaim"), fmt.Sprint(used-limit+4096))
	}
}

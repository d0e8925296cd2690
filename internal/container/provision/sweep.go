package provision

import (
	"errors"
	"os"
	"time"

	"berth/internal/container/record"
	"berth/internal/linux/cgroup"
)

// Sweep removes what an earlier daemon has left of no container, as the next one
// starts: directories, and the control groups of sandboxes.
func (h Storage) Sweep(known map[string]bool) {
	h.sweepDirectories(known)
	h.sweepGroups(known)
}

// sweepDirectories deletes directories that belong to no container: a create or a removal
// that a crash interrupted. The trash itself stays, for the removals to come; what is in it is
// nobody's, even while there is a record: that of a container with --rm goes last.
func (h Storage) sweepDirectories(known map[string]bool) {
	trash := h.deps.Paths.Data + "/.trash"
	var stray []string
	for _, dir := range []string{h.deps.Paths.Data, trash} {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			h.deps.Warn("%v", err)
		}
		for _, d := range entries {
			switch path := dir + "/" + d.Name(); {
			case path == trash:
			case dir == trash:
				stray = append(stray, path)
			case known[d.Name()]:
				h.Recorded(d.Name())
			default:
				h.unmakeVolumes(d.Name())
				stray = append(stray, path)
			}
		}
	}
	h.Later(func() {
		for _, path := range stray {
			if err := unmake(path); err != nil {
				h.deps.Warn("%v", err)
			}
		}
	})
}

// sweepGroups removes the control groups of sandboxes, whose processes went with
// the daemon that wanted them. Where somebody else's group may be, an empty one is no loss.
func (h Storage) sweepGroups(known map[string]bool) {
	parent, err := h.deps.Cgroups.Open(h.deps.Paths.CgroupParent)
	if err != nil {
		return // there are none
	}
	for _, id := range parent.Children() {
		if known[id] || len(id) != record.IDLength {
			continue
		}
		if g, err := h.deps.Cgroups.Open(h.deps.Paths.CgroupParent + "/" + id); err == nil && !g.RemoveEmpty() {
			h.Later(func() { removeLate(g) })
		}
	}
}

// lateTries and latePause are how often, and how far apart, a group is tried whose
// last process may be about to end: the daemon before has just been killed.
const (
	lateTries = 50
	latePause = 100 * time.Millisecond
)

func removeLate(g *cgroup.Group) {
	for range lateTries {
		time.Sleep(latePause)
		if g.RemoveEmpty() {
			return
		}
	}
}

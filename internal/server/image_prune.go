package server

import (
	"time"

	"berth/internal/image"
	"berth/internal/server/filter"

	wire "github.com/moby/moby/api/types/image"
)

// prune removes images that nobody uses: those without a name, or all when dangling is false.
func (r imageRoutes) prune(c *call) error {
	f, err := filter.Parse(c.query.Get("filters"), "dangling", "label", "label!", "until")
	if err != nil {
		return err
	}
	dangling, ok, err := f.Bool("dangling")
	if err != nil {
		return err
	}
	until, err := f.Until(time.Now())
	if err != nil {
		return err
	}
	report, err := r.store.Prune(c.r.Context(), image.PruneOptions{
		All: ok && !dangling, Until: until, Matches: f.PruneLabels, InUse: r.usersOf,
	})
	out := wire.PruneReport{SpaceReclaimed: uint64(max(report.Reclaimed, 0))}
	for _, gone := range report.Removed {
		for _, line := range gone.Removals {
			out.ImagesDeleted = append(out.ImagesDeleted, wire.DeleteResponse{Untagged: line.Untagged, Deleted: line.Deleted})
		}
	}
	return c.json(out, err)
}

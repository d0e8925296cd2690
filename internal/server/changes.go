package server

import (
	"time"

	"berth/internal/container"
	"berth/internal/server/filter"

	wire "github.com/moby/moby/api/types/container"
)

// changeRoutes are the handlers that change containers that are there.
type changeRoutes struct {
	changes   Changes
	layerSize func(id string) (int64, error) // see Config.LayerSize
}

func (r changeRoutes) pause(c *call) error {
	return c.noContent(r.changes.Pause(c.r.Context(), c.name))
}

func (r changeRoutes) unpause(c *call) error {
	return c.noContent(r.changes.Unpause(c.r.Context(), c.name))
}

func (r changeRoutes) restart(c *call) error {
	opts, err := c.stopOptions()
	if err != nil {
		return err
	}
	return c.noContent(r.changes.Restart(c.r.Context(), c.name, opts))
}

func (r changeRoutes) rename(c *call) error {
	return c.noContent(r.changes.Rename(c.r.Context(), c.name, c.query.Get("name")))
}

func (r changeRoutes) prune(c *call) error {
	f, err := filter.Parse(c.query.Get("filters"), "label", "label!", "until")
	if err != nil {
		return err
	}
	until, err := f.Until(time.Now())
	if err != nil {
		return err
	}
	report, err := r.changes.Prune(c.r.Context(), container.PruneOptions{Until: until, Matches: f.PruneLabels, Size: r.size})
	return c.json(wire.PruneReport{ContainersDeleted: report.IDs, SpaceReclaimed: uint64(max(report.Reclaimed, 0))}, err)
}

func (r changeRoutes) size(id string) (int64, error) {
	if r.layerSize == nil {
		return 0, nil
	}
	return r.layerSize(id)
}

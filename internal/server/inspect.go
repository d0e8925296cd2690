package server

import (
	"berth/internal/server/show"
)

func (r containerRoutes) inspect(c *call) error {
	found, err := r.containers.Get(c.name)
	if err != nil {
		return err
	}
	return c.json(show.Inspect(&found, r.volumeDir, c.version), nil)
}

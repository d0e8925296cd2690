package server

import (
	wire "github.com/moby/moby/api/types/container"

	"berth/internal/server/compat"
	"berth/internal/server/grammar"
)

// update changes what a container may use.
func (r changeRoutes) update(c *call) error {
	var body grammar.UpdateBody
	if err := c.decode(&body); err != nil {
		return err
	}
	if !c.version.Has(compat.UpdatePids) {
		body.PidsLimit = nil
	}
	change, warnings, err := grammar.Update(&body)
	if err != nil {
		return err
	}
	return c.json(wire.UpdateResponse{Warnings: warnings}, r.changes.Update(c.r.Context(), c.name, change))
}

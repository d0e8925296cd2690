package server

import wire "github.com/moby/moby/api/types/container"

// top answers what runs in a container.
func (r usageRoutes) top(c *call) error {
	t, err := r.usage.Top(c.r.Context(), c.name, c.query.Get("ps_args"))
	if err != nil {
		return err
	}
	return c.json(wire.TopResponse{Titles: t.Titles, Processes: t.Rows}, nil)
}

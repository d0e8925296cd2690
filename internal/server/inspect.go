package server

import (
	"berth/internal/server/show"
)

func (s *Server) containerInspect(c *call) error {
	found, err := s.Containers.Get(c.name)
	if err != nil {
		return err
	}
	return c.json(show.Inspect(&found, s.VolumeDir, c.version), nil)
}

package server

import (
	"net/http"

	"berth/internal/server/compat"
	"berth/internal/server/grammar"

	wire "github.com/moby/moby/api/types/container"
)

func (r containerRoutes) create(c *call) error {
	var body grammar.Body
	if err := c.decode(&body); err != nil {
		return err
	}
	if err := grammar.OldEndpoints(c.version, body.NetworkingConfig); err != nil {
		return err
	}
	if err := grammar.OldMounts(c.version, body.HostConfig); err != nil {
		return err
	}
	req, err := grammar.Create(&body)
	if err != nil {
		return err
	}
	grammar.OldHost(c.version, &req.HostConfig)
	req.Name = c.query.Get("name") // a slash before it is the service's to take off, one
	if c.version.Has(compat.CreatePlatform) {
		req.Platform = c.query.Get("platform")
	}
	made, err := r.containers.Create(c.r.Context(), req)
	if err != nil {
		return err
	}
	if !c.version.Has(compat.NoKernelMemory) {
		made.Warnings = append(body.HostConfig.Discarded(), made.Warnings...)
	}
	if made.Warnings == nil {
		made.Warnings = []string{}
	}
	writeJSON(c.w, http.StatusCreated, wire.CreateResponse{ID: made.ID, Warnings: made.Warnings})
	return nil
}

package server

import (
	"net/http"

	"berth/internal/container/files"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	wire "github.com/moby/moby/api/types/container"
)

// commit makes an image of a container. The body may hold a configuration of which
// what an image does not keep is left out, as in Docker.
func (r fileRoutes) commit(c *call) error {
	var asked *wire.Config
	if err := c.decodeOptional(&asked); err != nil {
		return err
	}
	opts := files.CommitOptions{
		Repo: c.query.Get("repo"), Tag: c.query.Get("tag"), Comment: c.query.Get("comment"), Author: c.query.Get("author"),
		Pause: c.query.Get("pause") == "" || c.flag("pause"), Changes: c.query["changes"],
	}
	if asked != nil {
		opts.Config = imageConfig(asked)
	}
	id, err := r.files.Commit(c.r.Context(), c.query.Get("container"), opts)
	if err != nil {
		return err
	}
	writeJSON(c.w, http.StatusCreated, wire.CommitResponse{ID: id})
	return nil
}

// imageConfig is the part of a container's configuration that an image keeps.
func imageConfig(from *wire.Config) *dockerspec.DockerOCIImageConfig {
	var out dockerspec.DockerOCIImageConfig
	out.User, out.WorkingDir, out.StopSignal = from.User, from.WorkingDir, from.StopSignal
	out.Env, out.Cmd, out.Entrypoint = from.Env, from.Cmd, from.Entrypoint
	out.Labels, out.Volumes = from.Labels, from.Volumes
	out.Healthcheck, out.OnBuild, out.Shell = from.Healthcheck, from.OnBuild, from.Shell
	if len(from.ExposedPorts) > 0 {
		out.ExposedPorts = map[string]struct{}{}
		for p := range from.ExposedPorts {
			out.ExposedPorts[p.String()] = struct{}{}
		}
	}
	return &out
}

package daemon

import (
	"context"
	"slices"

	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"

	"berth/internal/container/config"
	"berth/internal/container/health"
	"berth/internal/fault"
	"berth/internal/image"
)

// images shows the image service as the containers see it.
type images struct {
	*image.Service
	space image.Space
}

// Resolve finds an image and takes from it what a container needs.
func (a images) Resolve(ctx context.Context, ref, platform string) (config.Image, error) {
	img, err := a.Get(ctx, ref)
	if err != nil {
		return config.Image{}, err
	}
	if platform != "" {
		if err := matches(img, platform); err != nil {
			return config.Image{}, err
		}
	}
	a.space.Use(img.ID) // and before the container is there nobody evicts it
	c := img.Config.Config
	out := config.Image{
		ID: img.ID.String(), Env: c.Env, Cmd: c.Cmd, Entrypoint: c.Entrypoint, User: c.User,
		WorkingDir: c.WorkingDir, Labels: c.Labels, StopSignal: c.StopSignal, Shell: c.Shell,
	}
	if h := c.Healthcheck; h != nil {
		out.Healthcheck = &health.Check{Test: h.Test, Interval: h.Interval, Timeout: h.Timeout, StartPeriod: h.StartPeriod, StartInterval: h.StartInterval, Retries: h.Retries}
	}
	for port := range c.ExposedPorts {
		out.ExposedPorts = append(out.ExposedPorts, port)
	}
	for target := range c.Volumes {
		out.Volumes = append(out.Volumes, target)
	}
	slices.Sort(out.ExposedPorts)
	slices.Sort(out.Volumes)
	return out, nil
}

// matches refuses an image that is not for the platform that the user named.
func matches(img image.Image, platform string) error {
	want, err := platforms.Parse(platform)
	if err != nil {
		return fault.New(fault.Invalid, "%s", err)
	}
	if !platforms.NewMatcher(want).Match(platforms.Normalize(img.Platform)) {
		return fault.New(fault.NotFound, "image with reference %s was found but does not provide the specified platform (%s)", img.ID, platform)
	}
	return nil
}

// Layers returns the image's lower directories, the top-most first.
func (a images) Layers(ctx context.Context, id string) ([]string, error) {
	a.space.Use(digest.Digest(id))
	return a.Service.Layers(ctx, digest.Digest(id))
}

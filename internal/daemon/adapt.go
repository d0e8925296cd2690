package daemon

import (
	"context"
	"slices"

	"berth/internal/container/config"
	"berth/internal/container/health"
	"berth/internal/fault"
	"berth/internal/image"

	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
)

// images shows the image service as the containers see it.
type images struct {
	*image.Service
	space image.Space
}

// Resolve finds an image and takes from it what a container needs.
func (a images) Resolve(ctx context.Context, ref, platform string) (config.Image, error) {
	img, manifest, err := a.chosen(ctx, ref, platform)
	if err != nil {
		return config.Image{}, err
	}
	a.space.Use(img.ID) // and before the container is there nobody evicts it
	c := img.Config.Config
	out := config.Image{
		ID: img.ID.String(), Manifest: manifest, Env: c.Env, Cmd: c.Cmd, Entrypoint: c.Entrypoint, User: c.User,
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

// chosen finds an image, and for a platform that is not the one which the host would run, the manifest of it.
func (a images) chosen(ctx context.Context, ref, platform string) (image.Image, string, error) {
	img, err := a.Get(ctx, ref)
	if err != nil || platform == "" {
		return img, "", err
	}
	differs := matches(img, platform)
	if !fault.Is(differs, fault.NotFound) {
		return img, "", differs
	}
	want, err := platforms.Parse(platform)
	if err != nil {
		return img, "", fault.As(fault.Invalid, err)
	}
	variant, err := a.Provide(ctx, ref, want)
	if fault.Is(err, fault.NotFound) || err == nil && matches(variant, platform) != nil {
		return img, "", differs
	}
	return variant, variant.Manifest.Digest.String(), err
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

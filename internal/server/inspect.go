package server

import (
	"context"

	"berth/internal/container"
	"berth/internal/server/show"
)

func (r containerRoutes) inspect(c *call) error {
	found, err := r.containers.Get(c.name)
	if err != nil {
		return err
	}
	if err := r.addSizes(c, &found); err != nil {
		return err
	}
	return c.json(show.Inspect(&found, r.volumeDir, c.version), nil)
}

// addSizes adds what a container takes on disk, where the client asked for it.
func (r containerRoutes) addSizes(c *call, to *container.Container) error {
	if !c.flag("size") {
		return nil
	}
	return r.measure(c.r.Context(), to)
}

// measure adds what a container takes on disk.
func (r containerRoutes) measure(ctx context.Context, to *container.Container) error {
	if r.layerSize == nil {
		return nil
	}
	own, err := r.layerSize(to.ID)
	if err != nil {
		return err
	}
	whole := own
	if img, err := r.images.Get(ctx, to.ImageID); err == nil {
		whole += img.Size - img.ContentSize // what is unpacked
	}
	to.SizeRw, to.SizeRootFs = &own, &whole
	return nil
}

package server

import (
	"berth/internal/fault"
	"berth/internal/image"
	"berth/internal/server/compat"
	"berth/internal/server/show"

	wire "github.com/moby/moby/api/types/image"
)

func (r imageRoutes) inspect(c *call) error {
	platform, err := c.onePlatform("platform", compat.InspectPlatform)
	if err != nil {
		return err
	}
	manifests := c.flag("manifests") && c.version.Has(compat.ImageDescriptors)
	if manifests && platform != nil {
		return fault.New(fault.Invalid, "conflicting options: manifests and platform options cannot both be set")
	}
	var img image.Image
	if platform != nil {
		img, err = r.store.Variant(c.r.Context(), c.name, *platform)
	} else {
		img, err = r.images.Get(c.r.Context(), c.name)
	}
	if err != nil {
		return err
	}
	var parts []wire.ManifestSummary
	if manifests {
		if parts, err = r.manifests(c, img); err != nil {
			return err
		}
	}
	return c.json(show.Image(&img, parts, c.version), nil)
}

// manifests shows what an image consists of.
func (r imageRoutes) manifests(c *call, img image.Image) ([]wire.ManifestSummary, error) {
	list, err := r.store.Manifests(c.r.Context(), img)
	if err != nil {
		return nil, err
	}
	var users []string
	for _, use := range r.usersOf(img.ID) {
		users = append(users, use.ContainerID)
	}
	return show.Manifests(list, img.Manifest.Digest, users), nil
}

func (r imageRoutes) history(c *call) error {
	platform, err := c.onePlatform("platform", compat.SavePlatforms)
	if err != nil {
		return err
	}
	steps, err := r.store.History(c.r.Context(), c.name, platform)
	return c.json(show.History(steps), err)
}

func (r imageRoutes) attestations(c *call) error {
	opts := image.AttestationOptions{Types: c.query["type"], Bodies: c.flag("statement")}
	platforms, err := c.platforms("platform", compat.Attestations)
	if err != nil {
		return err
	}
	if len(platforms) > 1 {
		return fault.New(fault.Invalid, "attestations are listed for one platform at a time")
	}
	if len(platforms) == 1 {
		opts.Platform = &platforms[0]
	}
	list, err := r.store.Attestations(c.r.Context(), c.name, opts)
	out := []wire.AttestationStatement{}
	for i := range list {
		st := wire.AttestationStatement{Descriptor: list[i].Descriptor, PredicateType: list[i].Type}
		if opts.Bodies {
			st.Statement = &list[i].Body
		}
		out = append(out, st)
	}
	return c.json(out, err)
}

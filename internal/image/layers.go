package image

import (
	"context"

	"berth/internal/fault"
	"berth/internal/image/cause"
	"berth/internal/image/tree"

	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// upperdir is the label by which the overlay snapshotter tells a layer's
// directory.
const upperdir = "containerd.io/snapshot/overlay.upperdir"

// Layers returns the directories of the layers of an image, or of one of its manifests, absolute, the topmost
// first, as overlayfs's lowerdir wants them. They are read-only and stay for as
// long as the image does. Only the first call for an image reads the database.
func (s *Service) Layers(ctx context.Context, id digest.Digest) ([]string, error) {
	if dirs, ok := s.layers.Load(id); ok {
		return append([]string(nil), dirs.([]string)...), nil
	}
	cat, err := s.current(ctx)
	if err != nil {
		return nil, err
	}
	_, diffIDs, ok := cat.layered(id)
	if !ok {
		return nil, fault.New(fault.NotFound, "No such image: %s", id)
	}
	ctx = scoped(ctx)
	chains := tree.ChainIDs(diffIDs)
	dirs := make([]string, len(chains))
	for i, chain := range chains {
		info, err := s.sn.Stat(ctx, chain)
		if errdefs.IsNotFound(err) {
			return nil, fault.New(fault.NotFound, "the layers of image %s are not unpacked", id)
		}
		if err != nil {
			return nil, cause.Classify(err)
		}
		dirs[len(chains)-1-i] = info.Labels[upperdir]
	}
	s.layers.Store(id, dirs)
	return append([]string(nil), dirs...), nil
}

// Provide finds what an image has for a platform, and unpacks it when that has not been done: of an index only what the
// host runs is unpacked when it comes.
func (s *Service) Provide(ctx context.Context, ref string, p ocispec.Platform) (Image, error) {
	img, err := Details{s}.Variant(ctx, ref, p)
	if err != nil {
		return Image{}, err
	}
	_, err = s.Layers(ctx, img.Manifest.Digest)
	if !fault.Is(err, fault.NotFound) {
		return img, err
	}
	c, err := s.begin(ctx)
	if err != nil {
		return Image{}, err
	}
	return img, c.finish(c.provide(img, ref))
}

func (c *change) provide(img Image, ref string) error {
	var m ocispec.Manifest
	if err := tree.ReadDocument(c.ctx, c.s.content, img.Manifest, &m); err != nil {
		return err
	}
	top, err := c.unpack(m, img.DiffIDs)
	if err != nil {
		return err
	}
	return c.s.update(c.ctx, func(ctx context.Context) error {
		if err := c.s.present(ctx, img.ID, ref); err != nil {
			return err
		}
		return c.s.addLabels(ctx, m.Config.Digest, map[string]string{snapshotLabel: top})
	}, img.ID)
}

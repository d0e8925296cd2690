package image

import (
	"context"

	"berth/internal/fault"
	"berth/internal/image/cause"
	"berth/internal/image/tree"

	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
)

// upperdir is the label by which the overlay snapshotter tells a layer's
// directory.
const upperdir = "containerd.io/snapshot/overlay.upperdir"

// Layers returns the directories of an image's layers, absolute, the topmost
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
	img, ok := cat.byID[id]
	if !ok {
		return nil, fault.New(fault.NotFound, "No such image: %s", id)
	}
	ctx = scoped(ctx)
	chains := tree.ChainIDs(img.DiffIDs)
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

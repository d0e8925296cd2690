package daemon

import (
	"context"

	"github.com/opencontainers/go-digest"

	"berth/internal/container"
	"berth/internal/image"
)

// servedImages is the image service as clients see it: a removal looks at the
// containers first.
type servedImages struct {
	*image.Service
	containers *container.Service
}

// Remove removes an image that no container needs, by Docker's rules.
func (s servedImages) Remove(ctx context.Context, ref string, opts image.RemoveOptions) ([]image.Removal, error) {
	opts.InUse = func(id digest.Digest) []image.Use {
		var uses []image.Use
		for user, running := range s.containers.Users(id.String()) {
			uses = append(uses, image.Use{ContainerID: user, Running: running})
		}
		return uses
	}
	return s.Service.Remove(ctx, ref, opts)
}

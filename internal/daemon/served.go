package daemon

import (
	"context"

	"berth/internal/container"
	"berth/internal/event"
	"berth/internal/image"
)

// servedImages is the image service as clients see it: a removal looks at the
// containers first, and what changes is told.
type servedImages struct {
	*image.Service
	containers *container.Service
	publish    func(event.Message)
}

// Remove removes an image that no container needs, by Docker's rules.
func (s servedImages) Remove(ctx context.Context, ref string, opts image.RemoveOptions) ([]image.Removal, error) {
	opts.InUse = s.users
	img, err := s.Get(ctx, ref) // what it was called, as long as it is there
	if err != nil {
		return nil, err
	}
	removals, err := s.Service.Remove(ctx, ref, opts)
	s.removed(img, removals)
	return removals, err
}

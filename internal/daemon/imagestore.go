package daemon

import (
	"context"
	"io"
	"strconv"

	"github.com/opencontainers/go-digest"

	"berth/internal/event"
	"berth/internal/image"
)

// imageStore is what of the images lies beside their verbs, as clients see it.
type imageStore struct {
	image.Archives
	image.Details
	image.Space
	served servedImages
}

func (d *Daemon) imageStore() imageStore {
	return imageStore{
		Archives: image.Archives{Service: d.images}, Details: image.Details{Service: d.images}, Space: d.space,
		served: servedImages{d.images, d.containers, d.events.Publish},
	}
}

// Save writes an archive and tells of each image that goes into it.
func (s imageStore) Save(ctx context.Context, opts image.SaveOptions) error {
	begin := opts.Begin
	opts.Begin = func(size int64, targets []digest.Digest) io.Writer {
		for _, id := range targets {
			img, err := s.served.Get(ctx, id.String())
			if err != nil {
				img = image.Image{ID: id} // one platform of an image
			}
			s.served.tell(event.Save, id.String(), img)
		}
		return begin(size, targets)
	}
	return s.Archives.Save(ctx, opts)
}

// Prune removes unused images and tells of them.
func (s imageStore) Prune(ctx context.Context, opts image.PruneOptions) (image.PruneReport, error) {
	report, err := s.Space.Prune(ctx, opts)
	if err != nil {
		return report, err
	}
	for _, gone := range report.Removed {
		s.served.removed(gone.Image, gone.Removals)
	}
	s.served.publish(event.Message{Type: event.Image, Action: event.Prune, Attributes: event.Attributes{"reclaimed": strconv.FormatInt(report.Reclaimed, 10)}})
	return report, nil
}

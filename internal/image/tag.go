package image

import (
	"context"

	"berth/internal/image/spelling"
)

// Tag gives the image that source names one more name. A name that another
// image has moves.
func (s *Service) Tag(ctx context.Context, source, target string) error {
	ref, err := spelling.Target(target)
	if err != nil {
		return err
	}
	img, err := s.Get(ctx, source)
	if err != nil {
		return err
	}
	c, err := s.begin(ctx)
	if err != nil {
		return err
	}
	return c.finish(s.update(c.ctx, func(ctx context.Context) error {
		// The image may have gone since it was found: its record must be there
		// still, in this transaction.
		if err := s.present(ctx, img.ID, source); err != nil {
			return err
		}
		return s.name(ctx, ref.String(), img.Target)
	}))
}

package image

import (
	"context"

	"berth/internal/image/cause"
)

// Protect keeps an image from prunes, from the disk budget, and from removals that are not forced, or
// no longer does. It is on stable storage when this returns.
func (s Space) Protect(ctx context.Context, ref string, protected bool) (Image, error) {
	img, err := s.Get(ctx, ref)
	if err != nil {
		return img, err
	}
	value := "" // which removes the label
	if protected {
		value = "true"
	}
	err = s.update(scoped(ctx), func(ctx context.Context) error {
		if err := s.present(ctx, img.ID, ref); err != nil {
			return err
		}
		return s.addLabels(ctx, img.ID, map[string]string{protectedLabel: value})
	})
	img.Protected = protected
	return img, cause.Classify(err)
}

//go:build linux

package backup

import (
	"cmp"
	"context"
	"slices"

	"berth/internal/backup/place"
	"berth/internal/fault"
)

// List tells of the backups in a place, by volume and then the oldest first. With a tag in the address it is those of that volume, or that
// backup. What else is there, images for one, is passed over.
func (s *Service) List(ctx context.Context, at Spot) ([]Backup, error) {
	p, a, err := s.open(at, toRead)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	tags, err := p.Tags(ctx)
	if err != nil {
		return nil, err
	}
	list := []Backup{}
	for _, tag := range tags {
		if _, is := place.IsOf(tag, a.Tag); a.Tag != "" && a.Tag != tag && !is {
			continue
		}
		b, _, err := describe(ctx, p, tag)
		name, created, ours := place.Split(tag)
		switch {
		case err == nil:
			list = append(list, b)
		case !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Invalid):
			return nil, err
		case ours && fault.Is(err, fault.Invalid):
			list = append(list, Backup{Tag: tag, Problem: err.Error(), Config: Config{Volume: Volume{Name: name}, Created: created}})
		}
	}
	slices.SortFunc(list, func(a, b Backup) int {
		return cmp.Or(cmp.Compare(a.Volume.Name, b.Volume.Name), a.Created.Compare(b.Created))
	})
	return list, nil
}

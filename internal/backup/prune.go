//go:build linux

package backup

import (
	"context"
	"slices"

	"berth/internal/backup/place"
	"berth/internal/fault"
)

// Pruned is what a prune has removed.
type Pruned struct {
	Tags  []string
	Bytes int64 // that the disk has back
}

// Prune removes all backups but the last ones of each volume, or with a tag in the address of that volume, and then the blobs
// that no manifest refers to. It waits until nobody makes or reads a backup there.
func (s *Service) Prune(ctx context.Context, at Spot, keep int) (Pruned, error) {
	if keep < 1 {
		return Pruned{}, fault.New(fault.Invalid, "a prune keeps at least one backup of each volume, not %d", keep)
	}
	p, a, err := s.open(at, toRemove)
	if err != nil {
		return Pruned{}, err
	}
	defer p.Close()
	l, ok := p.(*place.Layout)
	if !ok {
		return Pruned{}, fault.New(fault.Unsupported, "backups in a registry are removed by its own means, and the space by its garbage collection")
	}
	tags, err := l.Tags(ctx)
	if err != nil {
		return Pruned{}, err
	}
	out := Pruned{Tags: superfluous(tags, a.Tag, keep)}
	if err := l.Untag(out.Tags); err != nil {
		return Pruned{}, err
	}
	out.Bytes, err = l.Collect(ctx)
	return out, err
}

// superfluous are the tags of backups that are not among the last ones of their volume.
func superfluous(tags []string, volume string, keep int) []string {
	of := map[string][]string{}
	for _, t := range tags {
		name, _, ok := place.Split(t)
		if _, is := place.IsOf(t, volume); ok && (volume == "" || is) {
			of[name] = append(of[name], t)
		}
	}
	gone := []string{}
	for _, list := range of {
		slices.Sort(list)
		gone = append(gone, list[:max(len(list)-keep, 0)]...)
	}
	slices.Sort(gone)
	return gone
}

package image

import (
	"context"
	"sync"
	"time"

	"berth/internal/fault"
	"berth/internal/image/removal"

	"github.com/opencontainers/go-digest"
)

// Space gives back what images take of the disk.
type Space struct {
	*Service
	pruning *sync.Mutex // one prune at a time
}

// NewSpace returns the space of a store; there is one of it.
func NewSpace(s *Service) Space { return Space{Service: s, pruning: &sync.Mutex{}} }

// PruneOptions say which unused images go.
type PruneOptions struct {
	All     bool                                // those with names too
	Until   time.Time                           // those made later stay; zero for no bound
	Matches func(labels map[string]string) bool // nil for all
	InUse   func(id digest.Digest) []Use        // as in RemoveOptions
}

// Pruned is one image that a prune has taken.
type Pruned struct {
	Image    Image
	Removals []Removal
}

// PruneReport is what a prune has done.
type PruneReport struct {
	Removed   []Pruned
	Reclaimed int64 // bytes: what the removed images had to themselves
}

// Prune removes unused images, all in one durable step. An image that a container uses, that is protected,
// or that another one was committed of stays.
func (s Space) Prune(ctx context.Context, opts PruneOptions) (PruneReport, error) {
	if !s.pruning.TryLock() {
		return PruneReport{}, fault.New(fault.Conflict, "a prune operation is already running")
	}
	defer s.pruning.Unlock()
	return s.sweep(ctx, func(cat *catalog) []digest.Digest { return cat.prunable(opts) })
}

// sweep removes what choose names, whatever it is called.
func (s Space) sweep(ctx context.Context, choose func(*catalog) []digest.Digest) (PruneReport, error) {
	var report PruneReport
	c, err := s.begin(ctx)
	if err != nil {
		return report, err
	}
	err = s.update(c.ctx, func(ctx context.Context) error {
		cat, err := s.loaded(ctx)
		if err != nil {
			return err
		}
		ids := choose(cat)
		report.Reclaimed = cat.exclusive(ids)
		for _, id := range ids {
			img := cat.byID[id]
			plan := removal.Plan{ID: id, Untag: img.Names, Del: true}
			if err := s.carryOut(ctx, img, plan); err != nil {
				return err
			}
			report.Removed = append(report.Removed, Pruned{Image: img, Removals: plan.Answer()})
		}
		return nil
	})
	if err = c.finish(err); err != nil {
		return PruneReport{}, err
	}
	return report, nil
}

// loaded is the catalog inside of update, where s.mu is held.
func (s *Service) loaded(ctx context.Context) (*catalog, error) {
	if cat := s.catalog.Load(); cat != nil {
		return cat, nil
	}
	if err := s.refresh(ctx); err != nil {
		return nil, err
	}
	return s.catalog.Load(), nil
}

// prunable are the images that a prune takes, the newest first.
func (cat *catalog) prunable(opts PruneOptions) []digest.Digest {
	parents := map[digest.Digest]bool{}
	for _, id := range cat.ids {
		parents[cat.byID[id].Parent] = true
	}
	var ids []digest.Digest
	for _, id := range cat.ids {
		img := cat.byID[id]
		switch {
		case !opts.All && len(img.Names) > 0, parents[id] && len(img.Names) == 0, img.Protected:
		case !opts.Until.IsZero() && img.Created.After(opts.Until):
		case opts.Matches != nil && !opts.Matches(img.Config.Config.Labels):
		case opts.InUse != nil && len(opts.InUse(id)) > 0:
		default:
			ids = append(ids, id)
		}
	}
	return ids
}

// exclusive is what these images hold that no other one needs, in bytes.
func (cat *catalog) exclusive(ids []digest.Digest) int64 {
	parts := map[digest.Digest]int64{}
	gone := map[digest.Digest]bool{}
	for _, id := range ids {
		gone[id] = true
		for part, size := range cat.byID[id].Parts {
			parts[part] = size
		}
	}
	for _, id := range cat.ids {
		if !gone[id] {
			for part := range cat.byID[id].Parts {
				delete(parts, part)
			}
		}
	}
	var sum int64
	for _, size := range parts {
		sum += size
	}
	return sum
}

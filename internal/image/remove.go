package image

import (
	"context"

	"berth/internal/fault"
	"berth/internal/image/removal"

	"github.com/opencontainers/go-digest"
)

// Remove takes a name away from an image, and the image itself when that was its
// last one (behaviours 18 and 19). An image that a container uses is never
// taken: with Force it loses its names and stays, dangling; so does one that others were committed of.
// With the image go the dangling ones that it was committed of, unless NoPrune.
func (s *Service) Remove(ctx context.Context, ref string, opts RemoveOptions) ([]Removal, error) {
	if len(opts.Platforms) > 0 {
		return s.removePlatforms(ctx, ref, opts)
	}
	c, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	var answer []Removal
	err = s.update(c.ctx, func(ctx context.Context) error {
		answer = nil
		cat, err := s.loaded(ctx)
		if err != nil {
			return err
		}
		found, err := cat.find(ref)
		if err != nil {
			return err
		}
		plans, err := cat.planRemovals(found, opts)
		for _, p := range plans {
			if err := s.carryOut(ctx, cat.byID[p.ID], p); err != nil {
				return err
			}
			answer = append(answer, p.Answer()...)
		}
		return err
	})
	if err = c.finish(err); err != nil {
		return nil, err
	}
	return answer, nil
}

// planRemovals applies Docker's rules to an image and to those that it was committed of. It changes
// nothing.
func (cat *catalog) planRemovals(found match, opts RemoveOptions) ([]removal.Plan, error) {
	uses := func(id digest.Digest) []Use {
		if opts.InUse == nil {
			return nil
		}
		return opts.InUse(id)
	}
	plan, err := removal.Decide(removal.Image{ID: found.img.ID, Name: found.name, Names: found.img.Names, Protected: found.img.Protected}, uses(found.img.ID), len(cat.children(found.img.ID)) > 0, opts.Force)
	if err != nil {
		return nil, err
	}
	plans := []removal.Plan{plan}
	for img := found.img; plan.Del && !plan.Keep && !opts.NoPrune; {
		parent, ok := cat.byID[img.Parent]
		if !ok || len(parent.Names) > 0 || parent.Protected || len(uses(parent.ID)) > 0 || len(cat.children(parent.ID)) > 1 {
			break
		}
		plans = append(plans, removal.Plan{ID: parent.ID, Del: true})
		img = parent
	}
	return plans, nil
}

// children are the images that were committed of one.
func (cat *catalog) children(id digest.Digest) (ids []digest.Digest) {
	for _, child := range cat.ids {
		if cat.byID[child].Parent == id {
			ids = append(ids, child)
		}
	}
	return ids
}

func (s *stores) carryOut(ctx context.Context, img Image, plan removal.Plan) error {
	for _, n := range plan.Untag {
		if err := s.images.Delete(ctx, n); err != nil {
			return err
		}
	}
	switch {
	case !plan.Del:
		return nil
	case plan.Keep:
		return s.name(ctx, "", img.Target)
	}
	return s.drop(ctx, danglingName(img.ID))
}

// present fails when no record points to the image any more.
func (s *stores) present(ctx context.Context, id digest.Digest, ref string) error {
	all, err := s.images.List(ctx, "target.digest=="+id.String())
	if err == nil && len(all) == 0 {
		return fault.New(fault.NotFound, "No such image: %s", ref)
	}
	return err
}

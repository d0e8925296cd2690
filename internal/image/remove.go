package image

import (
	"context"
	"strings"

	"berth/internal/fault"

	"github.com/distribution/reference"
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
			if err := s.carryOut(ctx, cat.byID[p.id], p); err != nil {
				return err
			}
			answer = append(answer, p.answer()...)
		}
		return err
	})
	if err = c.finish(err); err != nil {
		return nil, err
	}
	return answer, nil
}

// removalPlan is what a remove does to one image.
type removalPlan struct {
	id    digest.Digest
	untag []string // normalized names
	del   bool
	keep  bool // the image stays, dangling
}

// planRemovals applies Docker's rules to an image and to those that it was committed of. It changes
// nothing.
func (cat *catalog) planRemovals(found match, opts RemoveOptions) ([]removalPlan, error) {
	uses := func(id digest.Digest) []Use {
		if opts.InUse == nil {
			return nil
		}
		return opts.InUse(id)
	}
	plan, err := planRemoval(found, uses(found.img.ID), len(cat.children(found.img.ID)) > 0, opts.Force)
	if err != nil {
		return nil, err
	}
	plans := []removalPlan{plan}
	for img := found.img; plan.del && !plan.keep && !opts.NoPrune; {
		parent, ok := cat.byID[img.Parent]
		if !ok || len(parent.Names) > 0 || parent.Protected || len(uses(parent.ID)) > 0 || len(cat.children(parent.ID)) > 1 {
			break
		}
		plans = append(plans, removalPlan{id: parent.ID, del: true})
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

// planRemoval applies them to the image alone.
func planRemoval(found match, uses []Use, hasChildren, force bool) (removalPlan, error) {
	img := found.img
	plan := removalPlan{id: img.ID}
	if found.name != "" {
		plan.untag = sameRepository(found, img.Names)
		if len(plan.untag) < len(img.Names) {
			return plan, nil
		}
		if len(uses) > 0 && !force {
			return plan, fault.New(fault.Conflict, "conflict: unable to delete %s (must be forced) - container %s is using its referenced image %s",
				familiar(plan.untag[0]), short(uses[0].ContainerID), short(img.ID.Encoded()))
		}
		if img.Protected && !force {
			return plan, isProtected(familiar(plan.untag[0]))
		}
		plan.del, plan.keep = true, len(uses) > 0 || hasChildren
		return plan, nil
	}
	if err := conflictByID(img, uses, hasChildren, force); err != nil {
		return plan, err
	}
	plan.untag, plan.del, plan.keep = img.Names, true, len(uses) > 0
	return plan, nil
}

func isProtected(what string) error {
	return fault.New(fault.Conflict, "conflict: unable to delete %s (must be forced) - image is protected", what)
}

func conflictByID(img Image, uses []Use, hasChildren, force bool) error {
	id := short(img.ID.Encoded())
	if hasChildren {
		return fault.New(fault.Conflict, "conflict: unable to delete %s (cannot be forced) - image has dependent child images", id)
	}
	for _, u := range uses {
		if u.Running {
			return fault.New(fault.Conflict, "conflict: unable to delete %s (cannot be forced) - image is being used by running container %s", id, short(u.ContainerID))
		}
	}
	switch {
	case len(img.Names) > 1 && !force:
		return fault.New(fault.Conflict, "conflict: unable to delete %s (must be forced) - image is referenced in multiple repositories", id)
	case len(uses) > 0 && !force:
		return fault.New(fault.Conflict, "conflict: unable to delete %s (must be forced) - image is being used by stopped container %s", id, short(uses[0].ContainerID))
	case len(uses) > 0 && len(img.Names) == 0:
		// It has no name to lose, and the container's layers are its layers.
		return fault.New(fault.Conflict, "conflict: unable to delete %s (cannot be forced) - image is being used by stopped container %s", id, short(uses[0].ContainerID))
	case img.Protected && !force:
		return isProtected(id)
	}
	return nil
}

// sameRepository are the names that a reference takes away: the one it says, or
// with a digest all of its repository.
func sameRepository(found match, names []string) []string {
	var same []string
	for _, n := range names {
		if n == found.name {
			return []string{n}
		}
		if ref, err := reference.ParseNormalizedNamed(n); err == nil && ref.Name() == found.name {
			same = append(same, n)
		}
	}
	return same
}

func (s *stores) carryOut(ctx context.Context, img Image, plan removalPlan) error {
	for _, n := range plan.untag {
		if err := s.images.Delete(ctx, n); err != nil {
			return err
		}
	}
	switch {
	case !plan.del:
		return nil
	case plan.keep:
		return s.name(ctx, "", img.Target)
	}
	return s.drop(ctx, danglingName(img.ID))
}

func (p removalPlan) answer() []Removal {
	var lines []Removal
	for _, n := range p.untag {
		lines = append(lines, Removal{Untagged: familiar(n)})
	}
	if p.del && !p.keep {
		lines = append(lines, Removal{Deleted: p.id.String()})
	}
	return lines
}

// present fails when no record points to the image any more.
func (s *stores) present(ctx context.Context, id digest.Digest, ref string) error {
	all, err := s.images.List(ctx, "target.digest=="+id.String())
	if err == nil && len(all) == 0 {
		return fault.New(fault.NotFound, "No such image: %s", ref)
	}
	return err
}

// short is an ID as people see it: 12 hex digits.
func short(id string) string {
	id = strings.TrimPrefix(id, "sha256:")
	return id[:min(12, len(id))]
}

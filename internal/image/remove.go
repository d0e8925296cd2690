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
// taken: with Force it loses its names and stays, dangling.
func (s *Service) Remove(ctx context.Context, ref string, opts RemoveOptions) ([]Removal, error) {
	c, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	var plan removalPlan
	err = s.update(c.ctx, func(ctx context.Context) error {
		cat := s.catalog.Load()
		if cat == nil {
			if err := s.refresh(ctx); err != nil {
				return err
			}
			cat = s.catalog.Load()
		}
		found, err := cat.find(ref)
		if err != nil {
			return err
		}
		var uses []Use
		if opts.InUse != nil {
			uses = opts.InUse(found.img.ID)
		}
		if plan, err = planRemoval(found, uses, opts.Force); err != nil {
			return err
		}
		return s.carryOut(ctx, found.img, plan)
	})
	if err = c.finish(err); err != nil {
		return nil, err
	}
	return plan.answer(), nil
}

// removalPlan is what a remove does to one image.
type removalPlan struct {
	untag []string // normalized names
	del   digest.Digest
	keep  bool // the image stays, dangling
}

// planRemoval applies Docker's rules. It changes nothing.
func planRemoval(found match, uses []Use, force bool) (removalPlan, error) {
	img := found.img
	if found.name != "" {
		same := sameRepository(found, img.Names)
		if len(same) < len(img.Names) {
			return removalPlan{untag: same}, nil
		}
		if len(uses) > 0 && !force {
			return removalPlan{}, fault.New(fault.Conflict, "conflict: unable to delete %s (must be forced) - container %s is using its referenced image %s",
				familiar(same[0]), short(uses[0].ContainerID), short(img.ID.Encoded()))
		}
		return removalPlan{untag: same, del: img.ID, keep: len(uses) > 0}, nil
	}
	if err := conflictByID(img, uses, force); err != nil {
		return removalPlan{}, err
	}
	return removalPlan{untag: img.Names, del: img.ID, keep: len(uses) > 0}, nil
}

func conflictByID(img Image, uses []Use, force bool) error {
	id := short(img.ID.Encoded())
	for _, u := range uses {
		if u.Running {
			return fault.New(fault.Conflict, "conflict: unable to delete %s (cannot be forced) - image is being used by running container %s", id, short(u.ContainerID))
		}
	}
	switch {
	case len(uses) > 0 && !force:
		return fault.New(fault.Conflict, "conflict: unable to delete %s (must be forced) - image is being used by stopped container %s", id, short(uses[0].ContainerID))
	case len(img.Names) > 1 && !force:
		return fault.New(fault.Conflict, "conflict: unable to delete %s (must be forced) - image is referenced in multiple repositories", id)
	case len(uses) > 0 && len(img.Names) == 0:
		// It has no name to lose, and the container's layers are its layers.
		return fault.New(fault.Conflict, "conflict: unable to delete %s (cannot be forced) - image is being used by stopped container %s", id, short(uses[0].ContainerID))
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
	case plan.del == "":
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
	if p.del != "" && !p.keep {
		lines = append(lines, Removal{Deleted: p.del.String()})
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

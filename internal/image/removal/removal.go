// Package removal decides what a remove of an image takes, purely.
package removal

import (
	"berth/internal/fault"
	"berth/internal/image/spelling"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
)

// Image is an image that is to be removed.
type Image struct {
	ID        digest.Digest
	Name      string   // the normalized name or the repository that was named; "" when an ID was
	Names     []string // all that it has
	Protected bool
}

// Use says that a container uses an image.
type Use struct {
	ContainerID string // 64 hex digits
	Running     bool
	Manifest    digest.Digest // which of the image's it runs; "" is the one of the host's platform
}

// Line is one line of a remove's answer; one of the two is set.
type Line struct {
	Untagged string // familiar reference: x:latest
	Deleted  string // the image's ID
}

// Plan is what a remove does to one image.
type Plan struct {
	ID    digest.Digest
	Untag []string // normalized names
	Del   bool
	Keep  bool // the image stays, dangling
}

// Decide applies Docker's rules (behaviours 18 and 19) to one image.
func Decide(img Image, uses []Use, hasChildren, force bool) (Plan, error) {
	plan := Plan{ID: img.ID}
	if img.Name != "" {
		plan.Untag = sameRepository(img)
		if len(plan.Untag) < len(img.Names) {
			return plan, nil
		}
		if len(uses) > 0 && !force {
			return plan, fault.New(fault.Conflict, "conflict: unable to delete %s (must be forced) - container %s is using its referenced image %s",
				spelling.Familiar(plan.Untag[0]), spelling.Short(uses[0].ContainerID), spelling.Short(img.ID.Encoded()))
		}
		if img.Protected && !force {
			return plan, Protected(spelling.Familiar(plan.Untag[0]))
		}
		plan.Del, plan.Keep = true, len(uses) > 0 || hasChildren
		return plan, nil
	}
	if err := conflictByID(img, uses, hasChildren, force); err != nil {
		return plan, err
	}
	plan.Untag, plan.Del, plan.Keep = img.Names, true, len(uses) > 0
	return plan, nil
}

// Protected refuses to take an image that is.
func Protected(what string) error {
	return fault.New(fault.Conflict, "conflict: unable to delete %s (must be forced) - image is protected", what)
}

func conflictByID(img Image, uses []Use, hasChildren, force bool) error {
	id := spelling.Short(img.ID.Encoded())
	if hasChildren {
		return fault.New(fault.Conflict, "conflict: unable to delete %s (cannot be forced) - image has dependent child images", id)
	}
	for _, u := range uses {
		if u.Running {
			return fault.New(fault.Conflict, "conflict: unable to delete %s (cannot be forced) - image is being used by running container %s", id, spelling.Short(u.ContainerID))
		}
	}
	switch {
	case len(img.Names) > 1 && !force:
		return fault.New(fault.Conflict, "conflict: unable to delete %s (must be forced) - image is referenced in multiple repositories", id)
	case len(uses) > 0 && !force:
		return fault.New(fault.Conflict, "conflict: unable to delete %s (must be forced) - image is being used by stopped container %s", id, spelling.Short(uses[0].ContainerID))
	case len(uses) > 0 && len(img.Names) == 0:
		// It has no name to lose, and the container's layers are its layers.
		return fault.New(fault.Conflict, "conflict: unable to delete %s (cannot be forced) - image is being used by stopped container %s", id, spelling.Short(uses[0].ContainerID))
	case img.Protected && !force:
		return Protected(id)
	}
	return nil
}

// sameRepository are the names that a reference takes away: the one it says, or
// with a digest all of its repository.
func sameRepository(img Image) []string {
	var same []string
	for _, n := range img.Names {
		if n == img.Name {
			return []string{n}
		}
		if ref, err := reference.ParseNormalizedNamed(n); err == nil && ref.Name() == img.Name {
			same = append(same, n)
		}
	}
	return same
}

// Answer is what a remove says when it has been done.
func (p Plan) Answer() []Line {
	var lines []Line
	for _, n := range p.Untag {
		lines = append(lines, Line{Untagged: spelling.Familiar(n)})
	}
	if p.Del && !p.Keep {
		lines = append(lines, Line{Deleted: p.ID.String()})
	}
	return lines
}

package filter

import (
	"context"
	"slices"

	"berth/internal/container"
	"berth/internal/fault"
	"berth/internal/image"
	"berth/internal/server/show"
)

// Images finds the images that filters name.
type Images interface {
	Get(ctx context.Context, ref string) (image.Image, error)
}

// Containers finds the containers that filters name.
type Containers interface {
	Get(ref string) (container.Container, error)
}

// ContainerKeys are the filters of a list of containers.
func ContainerKeys() []string {
	return []string{"ancestor", "before", "exited", "expose", "health", "id", "is-task", "label", "name", "network", "publish", "since", "status", "volume"}
}

// SelectContainers is what a list of containers keeps: those that run, unless all are asked for or a filter says more.
func SelectContainers(ctx context.Context, f Set, all bool, images Images, containers Containers) (*Selection, error) {
	s := &Selection{}
	if !all && len(f["status"]) == 0 && len(f["exited"]) == 0 {
		s.add(func(c *container.Container) bool { return show.Up(c) })
	}
	if err := s.addState(f); err != nil {
		return nil, err
	}
	if err := s.addOrder(f, containers); err != nil {
		return nil, err
	}
	if err := s.addWords(f); err != nil {
		return nil, err
	}
	s.addAncestor(ctx, f["ancestor"], images)
	return s, nil
}

// Selection is a conjunction of conditions on containers.
type Selection struct {
	conditions []func(*container.Container) bool
}

func (s *Selection) add(f func(*container.Container) bool) { s.conditions = append(s.conditions, f) }

// Keeps reports whether a container is in it.
func (s *Selection) Keeps(c *container.Container) bool {
	for _, cond := range s.conditions {
		if !cond(c) {
			return false
		}
	}
	return true
}

// addAncestor keeps containers of the named images.
func (s *Selection) addAncestor(ctx context.Context, refs []string, images Images) {
	if len(refs) == 0 {
		return
	}
	ids := slices.Clone(refs)
	for _, ref := range refs {
		if img, err := images.Get(ctx, ref); err == nil {
			ids = append(ids, img.ID.String())
		}
	}
	s.add(func(c *container.Container) bool {
		return slices.Contains(ids, c.ImageID) || slices.Contains(ids, c.Config.Image)
	})
}

// addOrder keeps containers made before or since others.
func (s *Selection) addOrder(f Set, containers Containers) error {
	for _, key := range []string{"before", "since"} {
		for _, ref := range f[key] {
			other, err := containers.Get(ref)
			if err != nil {
				return fault.As(fault.Invalid, err)
			}
			before := key == "before"
			s.add(func(c *container.Container) bool {
				if before {
					return c.Created.Before(other.Created)
				}
				return c.Created.After(other.Created)
			})
		}
	}
	return nil
}

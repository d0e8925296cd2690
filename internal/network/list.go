//go:build linux

package network

import (
	"slices"
	"strings"

	"berth/internal/fault"
)

// List returns all networks in the order of their names. Containers on
// host and none are the container service's to know.
func (s *Service) List() []Network {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Network
	for _, g := range s.segments {
		list = append(list, Network{Definition: g.Definition, Scope: "local", Endpoints: s.on(g.ID)})
	}
	if s.standard == nil {
		list = append(list, Network{Definition: s.predefined.plain("bridge", "bridge"), Scope: "local"})
	}
	list = append(list,
		Network{Definition: s.predefined.plain("host", "host"), Scope: "local"},
		Network{Definition: s.predefined.plain("none", "null"), Scope: "local"})
	slices.SortFunc(list, func(a, b Network) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Inspect finds a network by ID, name, or the beginning of its ID.
func (s *Service) Inspect(ref string) (Network, error) {
	var byName, byPrefix []Network
	for _, n := range s.List() {
		switch {
		case n.ID == ref:
			return n, nil
		case n.Name == ref:
			byName = append(byName, n)
		case ref != "" && strings.HasPrefix(n.ID, ref):
			byPrefix = append(byPrefix, n)
		}
	}
	switch {
	case len(byName) == 1:
		return byName[0], nil
	case len(byPrefix) == 1:
		return byPrefix[0], nil
	case len(byPrefix) > 1:
		return Network{}, fault.New(fault.Invalid, "network %s is ambiguous (%d matches found on ID prefix)", ref, len(byPrefix))
	}
	return Network{}, errNotFound(ref)
}

// segment finds a network that containers can be connected to; "" is the default one.
func (s *Service) segment(ref string) (*segment, error) {
	if ref == "" {
		return s.standard, nil // set: the service is usable
	}
	n, err := s.Inspect(ref)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.segments[n.ID]; g != nil {
		return g, nil
	}
	return nil, errNotFound(ref)
}

func errNotFound(ref string) error { return fault.New(fault.NotFound, "network %s not found", ref) }

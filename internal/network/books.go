//go:build linux

package network

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"berth/internal/fault"
)

// books are the networks that there are and who is on them.
type books struct {
	mu        sync.Mutex
	endpoints map[string]Endpoint // by EndpointID
	segments  map[string]*segment // by ID; empty until Restore
	standard  *segment            // the default bridge; nil until Restore, not changed after
	closed    bool
}

// enter writes an endpoint into the books, unless its network has gone meanwhile.
func (s *books) enter(e Endpoint) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosing()
	}
	if s.segments[e.NetworkID] == nil {
		return errNotFound(e.Network)
	}
	s.endpoints[e.EndpointID] = e
	return nil
}

// on are the endpoints of a network, sorted by container; s.mu is held.
func (s *books) on(network string) []Endpoint {
	var list []Endpoint
	for _, e := range s.endpoints {
		if e.NetworkID == network {
			list = append(list, e)
		}
	}
	slices.SortFunc(list, func(a, b Endpoint) int { return strings.Compare(a.ContainerID, b.ContainerID) })
	return list
}

// subnets are those of all networks, whether their bridges are there or not.
func (s *books) subnets() []netip.Prefix {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []netip.Prefix
	for _, g := range s.segments {
		list = append(list, g.bridge.subnet())
	}
	return list
}

// bridged is the network that has a bridge, or nil.
func (s *books) bridged(name string) *segment {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.segments {
		if g.bridge.name == name {
			return g
		}
	}
	return nil
}

func (s *books) named(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.segments {
		if g.Name == name {
			return true
		}
	}
	return false
}

// leave takes a network out of the books, if nobody is on it: from then on nobody can be.
func (s *books) leave(id string) (*segment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.segments[id]
	if on := s.on(id); len(on) > 0 {
		text := ""
		for i, e := range on {
			if i > 0 {
				text += ", "
			}
			text += fmt.Sprintf("name:%q id:%q", e.Name, e.EndpointID[:12])
		}
		return nil, fault.New(fault.Forbidden, "error while removing network: network %s has active endpoints (%s)", g.Name, text)
	}
	delete(s.segments, id)
	return g, nil
}

// usable reports the error of a service that cannot connect anything.
func (s *books) usable() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return errClosing()
	case s.standard == nil:
		return fault.New(fault.Unavailable, "the default bridge network is not set up yet")
	}
	return nil
}

func errClosing() error { return fault.New(fault.Unavailable, "the network is shutting down") }

//go:build linux

package network

import (
	"slices"
	"strconv"
	"strings"

	"berth/internal/fault"
)

// id is a predefined network's ID: derived, so that it needs no file.
func (s *Service) id(name string) string { return derive("network", s.cfg.Root, name) }

// List returns the predefined networks: bridge, host and none. Containers on
// host and none are the container service's to know.
func (s *Service) List() []Network {
	s.mu.Lock()
	defer s.mu.Unlock()
	br := Network{ID: s.id("bridge"), Name: "bridge", Driver: "bridge", Scope: "local", Options: map[string]string{}}
	if s.bridge != nil {
		br.Subnet, br.Gateway = s.bridge.subnet(), s.bridge.gateway()
		br.Options = map[string]string{
			"com.docker.network.bridge.default_bridge":       "true",
			"com.docker.network.bridge.enable_icc":           "true",
			"com.docker.network.bridge.enable_ip_masquerade": "true",
			"com.docker.network.bridge.host_binding_ipv4":    "0.0.0.0",
			"com.docker.network.bridge.name":                 s.bridge.name,
			"com.docker.network.driver.mtu":                  strconv.Itoa(s.cfg.MTU),
		}
	}
	for _, e := range s.endpoints {
		br.Endpoints = append(br.Endpoints, e)
	}
	slices.SortFunc(br.Endpoints, func(a, b Endpoint) int { return strings.Compare(a.ContainerID, b.ContainerID) })
	return []Network{
		br,
		{ID: s.id("host"), Name: "host", Driver: "host", Scope: "local", Options: map[string]string{}},
		{ID: s.id("none"), Name: "none", Driver: "null", Scope: "local", Options: map[string]string{}},
	}
}

// Inspect finds a network by name, ID, or the beginning of its ID.
func (s *Service) Inspect(ref string) (Network, error) {
	var found []Network
	for _, n := range s.List() {
		if n.Name == ref || n.ID == ref {
			return n, nil
		}
		if ref != "" && strings.HasPrefix(n.ID, ref) {
			found = append(found, n)
		}
	}
	switch len(found) {
	case 0:
		return Network{}, fault.New(fault.NotFound, "network %s not found", ref)
	case 1:
		return found[0], nil
	}
	return Network{}, fault.New(fault.Invalid, "network %s is ambiguous (%d matches found on ID prefix)", ref, len(found))
}

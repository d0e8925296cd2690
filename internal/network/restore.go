//go:build linux

package network

import (
	"context"
	"os"

	"github.com/vishvananda/netlink"

	"berth/internal/fault"
	"berth/internal/network/definition"
	"berth/internal/network/firewall"
)

// Restore sets the networks up and takes over the endpoints of the
// containers that are still running, as Connect returned them to an earlier
// daemon. Everything else that such a daemon had published is dropped, in the same
// transaction. To be called once, before the first Connect, also when nothing runs.
func (s *Service) Restore(ctx context.Context, running []Endpoint) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.standard != nil {
		return fault.New(fault.Conflict, "the default bridge network is set up already")
	}
	made, err := records{s.cfg.State}.all()
	if err != nil {
		return err
	}
	var standard *segment
	err = s.host.Do(func() error {
		b, err := ensureBridge(ctx, s.cfg)
		if err != nil {
			return fault.Wrap(fault.Internal, err, "set up the default bridge network")
		}
		standard = s.newSegment(s.predefined.bridge(b), definition.Bridge{Masquerade: true, LinkPrefix: "eth", MTU: s.cfg.MTU}, b)
		s.segments[standard.ID] = standard
		if err := s.bringUp(made); err != nil {
			return err
		}
		for _, g := range s.segments {
			if err := g.reattach(running); err != nil {
				return err
			}
			if err := g.sweep(running); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = s.takeOver(standard.bridge.name, running)
	}
	if err != nil {
		clear(s.segments)
		return err
	}
	s.standard = standard
	standard.warm = newPool(s.cfg.Warm, standard.make, standard.drop)
	return nil
}

// bringUp has every network's bridge there, and no other of ours. It must run in the host's namespace.
func (s *Service) bringUp(made []definition.Definition) error {
	links, _, err := observe()
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, d := range made {
		known[d.ID] = true
		options, err := definition.ReadOptions(d)
		if err != nil {
			return fault.Wrap(fault.Internal, err, "set up network %s", d.Name)
		}
		b, err := planNetwork(s.cfg, d, options, links).carryOut()
		if err != nil {
			return fault.Wrap(fault.Internal, err, "set up network %s", d.Name)
		}
		s.segments[d.ID] = s.newSegment(d, options, b)
	}
	for _, l := range stale(s.cfg.Root, known, links) {
		_ = netlink.LinkDel(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: l.name, Index: l.index}}) // the next daemon tries again
	}
	return nil
}

// takeOver enters what runs into the books, and writes the firewall anew.
func (s *Service) takeOver(bridge string, running []Endpoint) error {
	var published []firewall.Published
	for _, e := range running {
		if g := s.segments[e.NetworkID]; g != nil {
			g.addresses.Reserve(e.Address.Addr())
		}
		s.adopt(e)
		published = append(published, firewall.Published{Address: e.Address.Addr(), Ports: e.Ports})
	}
	var networks []firewall.Network
	for _, g := range s.segments {
		networks = append(networks, g.rules())
	}
	if err := s.fw.Reset("berth_"+bridge, networks, published); err != nil {
		for _, e := range running {
			s.ports.Release(e.Ports...)
		}
		clear(s.endpoints)
		return fault.Wrap(fault.Internal, err, "set up the firewall")
	}
	return nil
}

// adopt takes over an endpoint with its ports.
func (s *Service) adopt(e Endpoint) {
	holds := make([]*os.File, len(e.Ports))
	copy(holds, e.Holds)
	for i, p := range e.Ports {
		holds[i] = s.ports.Adopt(p, holds[i])
	}
	e.Holds = holds
	s.endpoints[e.EndpointID] = e
}

//go:build linux

package network

import (
	"context"
	"errors"
	"time"

	"berth/internal/failpoint"
	"berth/internal/fault"
	"berth/internal/network/address"
	"berth/internal/network/definition"
)

// Create makes a network. Its bridge is there before it is written down, and what is
// written down is made again by Restore; a bridge that no record knows is removed there.
func (s *Service) Create(ctx context.Context, req definition.Request) (Network, error) {
	d, err := definition.Check(req)
	if err != nil {
		return Network{}, err
	}
	if err := s.usable(); err != nil {
		return Network{}, err
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	if s.named(d.Name) {
		return Network{}, fault.New(fault.Conflict, "network with name %s already exists", d.Name)
	}
	d.ID, d.Created = randomHex(32), time.Now().UTC()
	options, err := definition.ReadOptions(d)
	if err != nil {
		return Network{}, err
	}
	var b *bridge
	err = s.host.Do(func() (err error) {
		b, err = s.makeBridge(ctx, &d, options)
		return err
	})
	if err != nil {
		return Network{}, err
	}
	failpoint.At("network.made")
	g := s.newSegment(d, options, b)
	err = s.fw.Add(g.rules())
	if err == nil {
		if err = (records{s.cfg.State}).put(d); err != nil {
			err = errors.Join(err, s.fw.Remove(b.name))
		}
	}
	if err != nil {
		return Network{}, errors.Join(err, s.host.Do(b.remove))
	}
	failpoint.At("network.recorded")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.segments[d.ID] = g
	return Network{Definition: d, Scope: "local"}, nil
}

// makeBridge chooses what the definition leaves open, and makes the bridge. It must run in the host's namespace.
func (s *Service) makeBridge(ctx context.Context, d *definition.Definition, options definition.Bridge) (*bridge, error) {
	unlock, err := lockHost(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	links, taken, err := observe()
	if err != nil {
		return nil, err
	}
	subnet := d.IPAM.Subnet
	others := s.subnets()
	for _, o := range others {
		if d.IPAM.Asked && o.Overlaps(subnet) {
			return nil, fault.New(fault.Forbidden, "invalid pool request: Pool overlaps with other one on this address space")
		}
	}
	if !d.IPAM.Asked {
		if subnet, err = address.Free(s.cfg.NetworkPools, append(taken, others...)); err != nil {
			return nil, err
		}
	}
	d.IPAM.Place(subnet)
	for _, l := range links {
		if l.name == options.Name && d.Options[definition.BridgeName] == "" {
			return nil, fault.New(fault.Conflict, "the link %s is there already", l.name)
		}
	}
	if g := s.bridged(options.Name); g != nil {
		return nil, fault.New(fault.Forbidden, "networks have same bridge name: %s is the bridge of network %s", options.Name, g.Name)
	}
	return planNetwork(s.cfg, *d, options, links).carryOut()
}

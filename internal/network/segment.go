//go:build linux

package network

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"

	"berth/internal/fault"
	"berth/internal/linux/netns"
	"berth/internal/network/address"
	"berth/internal/network/definition"
	"berth/internal/network/firewall"
)

// segment is a network that containers can be on: a bridge and its addresses.
type segment struct {
	definition.Definition
	options   definition.Bridge
	bridge    *bridge
	links     *netns.Socket // in the host's namespace
	mtu       int           // bytes
	addresses *address.Pool
	warm      *pool[*sandbox] // ready namespaces; of the default network only
}

// newSegment is the network of a bridge that is there.
func (s *Service) newSegment(d definition.Definition, options definition.Bridge, b *bridge) *segment {
	space := address.Space{Name: d.Name, Subnet: b.subnet(), Range: d.IPAM.Range, Gateway: b.gateway()}
	for _, ip := range d.IPAM.Aux {
		space.Taken = append(space.Taken, ip)
	}
	return &segment{Definition: d, options: options, bridge: b, links: s.links, mtu: cmp.Or(options.MTU, s.cfg.MTU), addresses: address.New(space, s.links.HasLink)}
}

// rules are what the firewall knows of it.
func (g *segment) rules() firewall.Network {
	return firewall.Network{
		Bridge: g.bridge.name, Subnet: g.bridge.subnet(), Internal: g.Internal,
		Isolated: g.options.Isolated, Masquerade: g.options.Masquerade,
	}
}

// port is how its bridge's ports are to be. Where bridged packets pass the firewall, that keeps containers
// apart that must not talk to each other, and port isolation would cut off what they publish.
func (g *segment) port() netns.Port {
	return netns.Port{Hairpin: g.bridge.filtered, Isolated: g.options.Isolated && !g.bridge.filtered}
}

// address takes an address: the one asked for, or any. It waits for one that is being given back.
func (g *segment) address(ctx context.Context, asked netip.Addr) (netip.Prefix, error) {
	for end := time.Now().Add(linger); ; {
		var got netip.Prefix
		var err error
		if asked.IsValid() {
			got, err = g.addresses.Claim(asked)
		} else {
			got, err = g.addresses.Take()
		}
		if !fault.Is(err, fault.Unavailable) || time.Now().After(end) || !g.addresses.Lingers() {
			return got, err
		}
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return got, fault.As(fault.Cancelled, ctx.Err())
		}
	}
}

// reattach puts the ports of running containers back on a bridge that was
// made anew under them. Ports that are gone are left to the container service.
func (g *segment) reattach(running []Endpoint) error {
	for _, e := range running {
		if e.NetworkID != g.ID {
			continue
		}
		port, err := netlink.LinkByName(e.HostLink)
		if err != nil || port.Attrs().MasterIndex == g.bridge.index {
			continue
		}
		if err := netlink.LinkSetMasterByIndex(port, g.bridge.index); err != nil {
			return fmt.Errorf("put %s on the bridge %s: %w", e.HostLink, g.bridge.name, err)
		}
		if err := g.links.SetPort(e.HostLink, g.port()); err != nil {
			return err
		}
	}
	return nil
}

// sweep removes the ports of its bridge that no running container's endpoint has: of an interface that a container
// got, or was to lose, while the daemon was killed. On a bridge of somebody else's nobody knows whose they are.
func (g *segment) sweep(running []Endpoint) error {
	if g.bridge.foreign {
		return nil
	}
	known := map[string]bool{}
	for _, e := range running {
		known[e.HostLink] = true
	}
	links, err := netns.Dump(netlink.LinkList)
	if err != nil {
		return fmt.Errorf("list the host's links: %w", err)
	}
	for _, l := range links {
		if a := l.Attrs(); a.MasterIndex == g.bridge.index && l.Type() == "veth" && !known[a.Name] {
			if err := g.links.DeleteLink(a.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

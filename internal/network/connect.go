//go:build linux

package network

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"time"

	"berth/internal/fault"
	"berth/internal/linux/netns"
	"berth/internal/network/port"
)

// Connect puts a container on a network: it hands out a namespace in
// which everything is ready, or adds an interface to the container's, and publishes the ports. On failure nothing stays taken.
func (s *Service) Connect(ctx context.Context, req ConnectRequest) (*Attachment, error) {
	if err := s.usable(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fault.As(fault.Cancelled, err)
	}
	on, err := s.segment(req.Network)
	if err != nil {
		return nil, err
	}
	var mac net.HardwareAddr
	if req.MAC != "" {
		if mac, err = net.ParseMAC(req.MAC); err != nil || len(mac) != 6 {
			return nil, fault.New(fault.Invalid, "invalid MAC address: %s", req.MAC)
		}
	}
	id := randomHex(32)
	ports, holds, err := s.reserve(req, on, id)
	if err != nil {
		return nil, err
	}
	box, err := s.place(ctx, req, on, mac)
	if err != nil {
		s.ports.Release(ports...)
		return nil, err
	}
	e := Endpoint{
		EndpointID: id, NetworkID: on.ID, Network: on.Name, ContainerID: req.ID, Name: req.Name,
		Address: box.address, Gateway: on.bridge.gateway(), MAC: box.mac.String(), HostLink: box.hostLink,
		Ports: ports, Holds: holds,
	}
	if on.Internal {
		e.Gateway = netip.Addr{}
	}
	if err := s.fw.Publish(e.Address.Addr(), ports); err != nil {
		s.ports.Release(ports...)
		on.unplace(req, box)
		return nil, external(req, id, err)
	}
	if err := s.enter(e); err != nil {
		s.ports.Release(ports...)
		on.unplace(req, box)
		return nil, errors.Join(err, s.fw.Unpublish(e.Address.Addr(), ports))
	}
	s.forgetUDP(e, true)
	return &Attachment{Endpoint: e, NetNS: box.ns}, nil
}

// ConnectNone returns a fresh namespace with lo up, for network mode none.
// Close-on-exec; the caller closes it, and there is nothing to disconnect.
func (s *Service) ConnectNone(ctx context.Context) (*os.File, error) {
	if err := ctx.Err(); err != nil {
		return nil, fault.As(fault.Cancelled, err)
	}
	return s.none.get()
}

// place makes the container's place on a network: that which was kept for it, one from the
// pool, or an interface in a namespace that is its own already.
func (s *Service) place(ctx context.Context, req ConnectRequest, on *segment, mac net.HardwareAddr) (*sandbox, error) {
	if on == s.standard && req.Into == nil && !req.Address.IsValid() {
		return on.handOut(ctx, req.Place, mac)
	}
	address, err := on.address(ctx, req.Address)
	if err != nil {
		return nil, err
	}
	b := newSandbox(address)
	b.link, b.beside, b.announced = on.options.LinkPrefix+strconv.Itoa(req.Link), req.Beside, true
	if mac != nil {
		b.mac = mac
	}
	into := req.Into
	if into == nil {
		if b.ns, err = s.none.get(); err != nil {
			on.addresses.Release(address.Addr(), b.hostLink)
			return nil, err
		}
		into = b.ns
	}
	if err := netns.Do(into, func() error { return on.plug(b, into) }); err != nil {
		on.unplace(req, b)
		return nil, err
	}
	return b, nil
}

// unplace gives back what place took.
func (g *segment) unplace(req ConnectRequest, b *sandbox) {
	if req.Place != nil {
		return // who kept it has it still
	}
	if req.Into != nil {
		_ = g.links.DeleteLink(b.hostLink)
	} else {
		_ = b.ns.Close()
	}
	g.addresses.Release(b.address.Addr(), b.hostLink)
}

// handOut takes a sandbox, that of a place or one from the pool, and sets its
// hardware address if one is asked for.
func (g *segment) handOut(ctx context.Context, at *Place, mac net.HardwareAddr) (box *sandbox, err error) {
	if at != nil {
		box = at.box
	} else if box, err = g.any(ctx); err != nil {
		return nil, err
	}
	if mac == nil || bytes.Equal(mac, box.mac) {
		return box, nil
	}
	if err := box.setMAC(mac); err != nil {
		if at == nil {
			g.drop(box)
		}
		return nil, err
	}
	return box, nil
}

// linger is how long a container waits for an address that its last owner is
// about to leave; the kernel takes some milliseconds.
const linger = 2 * time.Second

// any takes a sandbox from the pool. When every address of a small network is in
// use it waits for one that is being given back, or got ready.
func (g *segment) any(ctx context.Context) (*sandbox, error) {
	for end := time.Now().Add(linger); ; {
		box, err := g.warm.get()
		if err == nil || !fault.Is(err, fault.Unavailable) || time.Now().After(end) {
			return box, err
		}
		if !g.warm.busy.Load() && !g.addresses.Lingers() {
			return g.warm.get() // it may have come meanwhile
		}
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return nil, fault.As(fault.Cancelled, ctx.Err())
		}
	}
}

// reserve takes all host ports of a request, or none.
func (s *Service) reserve(req ConnectRequest, on *segment, endpoint string) ([]PortBinding, []*os.File, error) {
	var ports []PortBinding
	var holds []*os.File
	for _, p := range req.Ports {
		if !p.HostIP.IsValid() {
			p.HostIP = on.options.HostBinding
		}
		p, err := port.Normalise(p)
		if err != nil {
			s.ports.Release(ports...)
			return nil, nil, err
		}
		bound, hold, err := s.ports.Reserve(p)
		if err != nil {
			s.ports.Release(ports...)
			return nil, nil, external(req, endpoint, err)
		}
		ports, holds = append(ports, bound), append(holds, hold)
	}
	return ports, holds, nil
}

// external is Docker's error for ports that cannot be published. It is a 500
// there, and scripts look for its words, so it has no better kind here.
func external(req ConnectRequest, endpoint string, err error) error {
	return fault.Wrap(fault.Internal, err,
		"driver failed programming external connectivity on endpoint %s (%s)", req.Name, endpoint)
}

// Disconnect gives an endpoint's address and ports back. The veth pair is left
// to the kernel, which removes it with the namespace; nothing waits for that.
// An endpoint that is not there (any more) is NotFound.
func (s *Service) Disconnect(_ context.Context, endpoint string) error {
	s.mu.Lock()
	e, ok := s.endpoints[endpoint]
	delete(s.endpoints, endpoint)
	on, closed := s.segments[e.NetworkID], s.closed
	s.mu.Unlock()
	if closed {
		return errClosing()
	}
	if !ok {
		return fault.New(fault.NotFound, "endpoint %s not found", endpoint)
	}
	err := s.fw.Unpublish(e.Address.Addr(), e.Ports)
	s.ports.Release(e.Ports...)
	if on != nil {
		on.addresses.Release(e.Address.Addr(), e.HostLink)
	}
	s.forgetUDP(e, false)
	return err
}

// Lead makes a gateway the one by which a container's namespace reaches everything else.
func (s *Service) Lead(ns *os.File, gateway netip.Addr) error {
	return netns.Do(ns, func() error { return netns.Lead(gateway) })
}

// Unplug is Disconnect for a container that goes on running: its interface goes first.
func (s *Service) Unplug(ctx context.Context, endpoint string) error {
	s.mu.Lock()
	e := s.endpoints[endpoint]
	s.mu.Unlock()
	if e.HostLink != "" {
		if err := s.links.DeleteLink(e.HostLink); err != nil {
			return err
		}
	}
	return s.Disconnect(ctx, endpoint)
}

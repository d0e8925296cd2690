//go:build linux

package network

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"time"

	"berth/internal/fault"
)

// Connect puts a container on the default bridge: it hands out a namespace in
// which everything is ready and publishes the ports. On failure nothing stays taken.
func (s *Service) Connect(ctx context.Context, req ConnectRequest) (*Attachment, error) {
	if err := s.usable(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fault.As(fault.Cancelled, err)
	}
	var mac net.HardwareAddr
	if req.MAC != "" {
		var err error
		if mac, err = net.ParseMAC(req.MAC); err != nil || len(mac) != 6 {
			return nil, fault.New(fault.Invalid, "invalid MAC address: %s", req.MAC)
		}
	}
	id := randomHex(32)
	ports, holds, err := s.reserve(req, id)
	if err != nil {
		return nil, err
	}
	box, err := s.handOut(ctx, req.Place, mac)
	if err != nil {
		s.ports.release(ports...)
		return nil, err
	}
	e := Endpoint{
		EndpointID: id, NetworkID: s.id("bridge"), ContainerID: req.ID, Name: req.Name,
		Address: box.address, Gateway: s.bridge.gateway(), MAC: box.mac.String(), HostLink: box.hostLink,
		Ports: ports, Holds: holds,
	}
	if err := s.fw.publish(e.Address.Addr(), ports); err != nil {
		s.ports.release(ports...)
		if req.Place == nil {
			s.dropSandbox(box)
		}
		return nil, external(req, id, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		s.ports.release(ports...)
		if req.Place == nil {
			s.dropSandbox(box)
		}
		return nil, errors.Join(fault.New(fault.Unavailable, "the network is shutting down"), s.fw.unpublish(e.Address.Addr(), ports))
	}
	s.endpoints[id] = e
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

// handOut takes a sandbox, that of a place or one from the pool, and sets its
// hardware address if one is asked for.
func (s *Service) handOut(ctx context.Context, at *Place, mac net.HardwareAddr) (box *sandbox, err error) {
	if at != nil {
		box = at.box
	} else if box, err = s.any(ctx); err != nil {
		return nil, err
	}
	if mac == nil || bytes.Equal(mac, box.mac) {
		return box, nil
	}
	if err := box.setMAC(mac); err != nil {
		if at == nil {
			s.dropSandbox(box)
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
func (s *Service) any(ctx context.Context) (*sandbox, error) {
	for end := time.Now().Add(linger); ; {
		box, err := s.warm.get()
		if err == nil || !fault.Is(err, fault.Unavailable) || time.Now().After(end) {
			return box, err
		}
		if !s.warm.busy.Load() && !s.addresses.linger() {
			return s.warm.get() // it may have come meanwhile
		}
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return nil, fault.As(fault.Cancelled, ctx.Err())
		}
	}
}

// reserve takes all host ports of a request, or none.
func (s *Service) reserve(req ConnectRequest, endpoint string) ([]PortBinding, []*os.File, error) {
	var ports []PortBinding
	var holds []*os.File
	for _, p := range req.Ports {
		p, err := normalise(p)
		if err != nil {
			s.ports.release(ports...)
			return nil, nil, err
		}
		bound, hold, err := s.ports.reserve(p)
		if err != nil {
			s.ports.release(ports...)
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
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return fault.New(fault.Unavailable, "the network is shutting down")
	}
	if !ok {
		return fault.New(fault.NotFound, "endpoint %s not found", endpoint)
	}
	err := s.fw.unpublish(e.Address.Addr(), e.Ports)
	s.giveBack(e)
	s.forgetUDP(e, false)
	return err
}

// giveBack returns an endpoint's host ports and address.
func (s *Service) giveBack(e Endpoint) {
	s.ports.release(e.Ports...)
	s.addresses.release(e.Address.Addr(), e.HostLink)
}

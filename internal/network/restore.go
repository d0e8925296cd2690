//go:build linux

package network

import (
	"context"
	"os"

	"berth/internal/fault"
)

// Restore sets the default bridge up and takes over the endpoints of the
// containers that are still running, as Connect returned them to an earlier
// daemon. Everything else that such a daemon had published is dropped, in the same
// transaction. To be called once, before the first Connect, also when nothing runs.
func (s *Service) Restore(ctx context.Context, running []Endpoint) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.bridge != nil {
		return fault.New(fault.Conflict, "the default bridge network is set up already")
	}
	var b *bridge
	err := s.host.do(func() (err error) {
		if b, err = ensureBridge(ctx, s.cfg); err != nil {
			return err
		}
		return b.reattach(running)
	})
	if err != nil {
		return fault.Wrap(fault.Internal, err, "set up the default bridge network")
	}
	s.addresses = newAddresses(b.subnet(), b.gateway(), s.links.HasLink)
	for _, e := range running {
		s.addresses.reserve(e.Address.Addr())
		s.adopt(e)
	}
	if err := s.fw.reset(b.name, b.subnet(), running); err != nil {
		for _, e := range running {
			s.ports.release(e.Ports...)
		}
		clear(s.endpoints)
		return fault.Wrap(fault.Internal, err, "set up the default bridge network")
	}
	s.bridge = b
	s.warm = newPool(s.cfg.Warm, s.makeSandbox, s.dropSandbox)
	return nil
}

// adopt takes over an endpoint with its ports. A socket that was not
// handed over is opened anew; that fails as long as the
// keeper has it, in which case the port is held just as well.
func (s *Service) adopt(e Endpoint) {
	holds := make([]*os.File, len(e.Ports))
	copy(holds, e.Holds)
	for i, p := range e.Ports {
		if holds[i] == nil && p.Proto != "sctp" {
			_ = s.host.do(func() (err error) {
				holds[i], err = holdPort(p)
				return err
			})
		}
		s.ports.adopt(p, holds[i])
	}
	e.Holds = holds
	s.endpoints[e.EndpointID] = e
}

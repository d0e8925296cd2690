//go:build linux

package network

import (
	"context"
	"os"

	"berth/internal/fault"
)

// Place is a namespace on the default bridge that is kept for a container to
// come: a process may live in it already. Connect takes it, or Release gives it back.
type Place struct {
	service *Service
	box     *sandbox
}

// Reserve takes a place out of the pool.
func (s *Service) Reserve(ctx context.Context) (*Place, error) {
	if err := s.usable(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fault.As(fault.Cancelled, err)
	}
	box, err := s.standard.warm.get()
	if err != nil {
		return nil, err
	}
	return &Place{s, box}, nil
}

// NetNS is the place's namespace, as in Attachment. It belongs to the place
// until Connect has taken that.
func (p *Place) NetNS() *os.File { return p.box.ns }

// Endpoint is what Connect will give, but for IDs and ports.
func (p *Place) Endpoint() Endpoint {
	return Endpoint{Address: p.box.address, Gateway: p.service.standard.bridge.gateway(), MAC: p.box.mac.String(), HostLink: p.box.hostLink}
}

// Release gives a place back that nothing was connected at.
func (p *Place) Release() { p.service.standard.drop(p.box) }

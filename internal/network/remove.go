//go:build linux

package network

import (
	"context"
	"errors"

	"berth/internal/failpoint"
	"berth/internal/fault"
	"berth/internal/network/definition"
	"berth/internal/state"
)

// Remove removes a network that no running container is on. It is gone once that is written down;
// the bridge follows, here or in the next Restore.
func (s *Service) Remove(_ context.Context, ref string) (Network, error) {
	if err := s.usable(); err != nil {
		return Network{}, err
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	n, err := s.Inspect(ref)
	if err != nil {
		return n, err
	}
	if definition.Predefined(n.Name) {
		return n, fault.New(fault.Forbidden, "%s is a pre-defined network and cannot be removed", n.Name)
	}
	g, err := s.leave(n.ID)
	if err != nil {
		return n, err
	}
	err = s.cfg.State.Commit(state.Op{Bucket: bucket, Key: n.ID})
	if err != nil {
		s.mu.Lock()
		s.segments[n.ID] = g
		s.mu.Unlock()
		return n, fault.Wrap(fault.Internal, err, "the removal of network %s cannot be written down", n.Name)
	}
	failpoint.At("network.forgotten")
	if err := errors.Join(s.host.Do(g.bridge.remove), s.fw.Remove(g.bridge.name)); err != nil {
		return n, fault.Wrap(fault.Internal, err, "network %s is removed, and left something behind", n.Name)
	}
	return n, nil
}

//go:build linux

package network

import (
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// staleUDP matches the flows whose way a change of UDP ports has made wrong.
// Rules see the first packet of a flow only, and a client that keeps
// sending from one port keeps its flow alive: without this it would talk to the
// container that had the port before, or to nobody.
type staleUDP struct {
	published map[uint16]bool // host ports
	container netip.Addr
	here      bool // whether such flows are to lead to container, or not any more
}

// MatchConntrackFlow is netlink.CustomConntrackFilter.
func (f staleUDP) MatchConntrackFlow(flow *netlink.ConntrackFlow) bool {
	if flow.Forward.Protocol != unix.IPPROTO_UDP || !f.published[flow.Forward.DstPort] {
		return false
	}
	to, _ := netip.AddrFromSlice(flow.Reverse.SrcIP)
	return (to.Unmap() == f.container) != f.here
}

// forgetUDP drops stale flows in the background: the kernel's table can only
// be searched as a whole, which takes milliseconds. here says whether the
// ports have just been published (true) or taken back.
func (s *Service) forgetUDP(e Endpoint, here bool) {
	f := staleUDP{published: map[uint16]bool{}, container: e.Address.Addr(), here: here}
	for _, p := range e.Ports {
		if p.Proto == "udp" {
			f.published[p.HostPort] = true
		}
	}
	if len(f.published) == 0 {
		return
	}
	s.background.Go(func() {
		// A flow that stays runs out by itself; nobody could do more about it.
		_ = s.host.Do(func() error {
			_, err := netlink.ConntrackDeleteFilters(netlink.ConntrackTable, unix.AF_INET, f)
			return err
		})
	})
}

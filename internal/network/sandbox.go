//go:build linux

package network

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"os"

	"berth/internal/linux/netns"
)

// containerLink is the name of a container's interface.
const containerLink = "eth0"

// sandbox is a ready network namespace on the bridge.
type sandbox struct {
	ns       *os.File
	address  netip.Prefix
	mac      net.HardwareAddr
	hostLink string
}

// makeSandbox makes a namespace with lo and eth0 up, addressed and routed.
func (s *Service) makeSandbox() (*sandbox, error) {
	address, err := s.addresses.take()
	if err != nil {
		return nil, err
	}
	b := &sandbox{address: address, mac: randomMAC(), hostLink: "veth" + randomHex(4)[:7]}
	b.ns, err = netns.New(func(ns *os.File) error {
		if err := base(); err != nil {
			return err
		}
		return s.plug(b, ns)
	})
	if err != nil {
		s.addresses.release(address.Addr(), b.hostLink)
		return nil, err
	}
	return b, nil
}

// plug gives the sandbox its interface. It runs inside ns.
func (s *Service) plug(b *sandbox, ns *os.File) error {
	err := s.links.AddVeth(netns.Veth{
		Host: b.hostLink, Bridge: s.bridge.index, Peer: containerLink,
		NS: ns, PeerMAC: b.mac, MTU: s.cfg.MTU,
	})
	if err != nil {
		return err
	}
	if s.bridge.filtered {
		if err := s.links.Hairpin(b.hostLink); err != nil {
			return err
		}
	}
	// As in Docker on a network without IPv6: before the link comes up,
	// or it would give itself a link-local address. lo keeps ::1.
	if err := netns.Sysctl("ipv6/conf/"+containerLink+"/disable_ipv6", "1"); err != nil {
		return err
	}
	if err := netns.Configure(containerLink, b.address, s.bridge.gateway()); err != nil {
		return err
	}
	if err := s.links.WaitUp(b.hostLink); err != nil {
		return err
	}
	return s.links.WaitUp(s.bridge.name) // its carrier comes with the first port
}

func (s *Service) dropSandbox(b *sandbox) {
	_ = b.ns.Close()
	s.addresses.release(b.address.Addr(), b.hostLink)
}

// makeNone makes a namespace that has lo and nothing else.
func makeNone() (*os.File, error) {
	return netns.New(func(*os.File) error { return base() })
}

// base is what every private namespace gets: Docker's two sysctls, so that
// any user may listen below port 1024 and ping, and lo.
func base() error {
	if err := netns.Sysctl("ipv4/ip_unprivileged_port_start", "0"); err != nil {
		return err
	}
	if err := netns.Sysctl("ipv4/ping_group_range", "0 2147483647"); err != nil {
		return err
	}
	return netns.Loopback()
}

// setMAC gives a sandbox the hardware address that the user asked for.
func (b *sandbox) setMAC(mac net.HardwareAddr) error {
	err := netns.Do(b.ns, func() error { return netns.SetMAC(containerLink, mac) })
	if err != nil {
		return fmt.Errorf("give %s the hardware address %s: %w", containerLink, mac, err)
	}
	b.mac = mac
	return nil
}

// randomMAC returns a locally administered unicast address.
func randomMAC() net.HardwareAddr {
	mac := make(net.HardwareAddr, 6)
	_, _ = rand.Read(mac) // never fails, see crypto/rand
	mac[0] = mac[0]&^1 | 2
	return mac
}

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

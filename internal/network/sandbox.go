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

// containerLink is the name of a container's first interface.
const containerLink = "eth0"

// sandbox is a network namespace with an interface on a network.
type sandbox struct {
	ns       *os.File
	link     string // name of the interface
	address  netip.Prefix
	mac      net.HardwareAddr
	hostLink string
	beside   bool // the way out is by another network
	// announced: the neighbours are told of it, as its address may have had another owner whom they know.
	announced bool
}

// make makes a namespace with lo and eth0 up, addressed and routed.
func (g *segment) make() (*sandbox, error) {
	address, err := g.addresses.Take()
	if err != nil {
		return nil, err
	}
	b := newSandbox(address)
	b.ns, err = netns.New(func(ns *os.File) error {
		if err := base(); err != nil {
			return err
		}
		return g.plug(b, ns)
	})
	if err != nil {
		g.addresses.Release(address.Addr(), b.hostLink)
		return nil, err
	}
	return b, nil
}

func newSandbox(address netip.Prefix) *sandbox {
	return &sandbox{link: containerLink, address: address, mac: randomMAC(), hostLink: "veth" + randomHex(4)[:7]}
}

// plug gives the sandbox its interface. It runs inside ns. What it leaves after a
// failure goes with the namespace, or by unplug.
func (g *segment) plug(b *sandbox, ns *os.File) error {
	err := g.links.AddVeth(netns.Veth{
		Host: b.hostLink, Bridge: g.bridge.index, Peer: b.link,
		NS: ns, PeerMAC: b.mac, MTU: g.mtu,
	})
	if err != nil {
		return err
	}
	if err := g.links.SetPort(b.hostLink, g.port()); err != nil {
		return err
	}
	// As in Docker on a network without IPv6: before the link comes up,
	// or it would give itself a link-local address. lo keeps ::1.
	if err := netns.Sysctl("ipv6/conf/"+b.link+"/disable_ipv6", "1"); err != nil {
		return err
	}
	gateway := g.bridge.gateway()
	if b.beside || g.Internal {
		gateway = netip.Addr{}
	}
	if err := netns.Configure(b.link, b.address, gateway); err != nil {
		return err
	}
	if err := g.links.WaitUp(b.hostLink); err != nil {
		return err
	}
	if err := g.links.WaitUp(g.bridge.name); err != nil { // its carrier comes with the first port
		return err
	}
	if !b.announced {
		return nil
	}
	return netns.Announce(b.link, b.mac, b.address.Addr())
}

// drop gives a sandbox that nothing was connected at back.
func (g *segment) drop(b *sandbox) {
	_ = b.ns.Close()
	g.addresses.Release(b.address.Addr(), b.hostLink)
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
	err := netns.Do(b.ns, func() error { return netns.SetMAC(b.link, mac) })
	if err != nil {
		return fmt.Errorf("give %s the hardware address %s: %w", b.link, mac, err)
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

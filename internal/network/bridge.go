//go:build linux

package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/linux/netns"
)

// bridge is a network's bridge as it is in the kernel.
type bridge struct {
	name    string
	index   int
	foreign bool         // made by the user: stays when we go
	address netip.Prefix // the gateway with the subnet's length
	// filtered: br_netfilter translates addresses on the bridge itself. A
	// container that calls its own published port then needs hairpin mode,
	// which is off otherwise because it echoes broadcasts to their sender.
	filtered bool
	forwards bool // we turned ip_forward on; it stays on, others may rely on it by now
}

func (b *bridge) gateway() netip.Addr  { return b.address.Addr() }
func (b *bridge) subnet() netip.Prefix { return b.address.Masked() }

// ensureBridge finds or makes the default bridge. It must run in the host's namespace.
func ensureBridge(ctx context.Context, cfg Config) (*bridge, error) {
	unlock, err := lockHost(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	links, taken, err := observe()
	if err != nil {
		return nil, err
	}
	plan, err := planBridge(cfg, links, taken)
	if err != nil {
		return nil, err
	}
	return plan.carryOut()
}

// carryOut does what a plan says, or nothing.
func (p bridgePlan) carryOut() (*bridge, error) {
	b := &bridge{name: p.name, foreign: p.foreign, address: p.address}
	if err := b.apply(p); err != nil {
		if p.create {
			_ = b.remove()
		}
		return nil, err
	}
	return b, nil
}

// apply carries a plan out.
func (b *bridge) apply(plan bridgePlan) error {
	if plan.create {
		attrs := netlink.NewLinkAttrs()
		// A fixed hardware address: otherwise the kernel takes the lowest of
		// the ports', and it changes as containers come and go.
		attrs.Name, attrs.MTU, attrs.HardwareAddr = plan.name, plan.mtu, randomMAC()
		br := &netlink.Bridge{LinkAttrs: attrs}
		if err := netlink.LinkAdd(br); err != nil {
			return fmt.Errorf("make the bridge %s: %w", plan.name, err)
		}
		if err := netlink.LinkSetAlias(br, plan.alias); err != nil {
			return fmt.Errorf("mark the bridge %s: %w", plan.name, err)
		}
		// The network has no IPv6: without this, containers could reach the
		// host's services over link-local addresses.
		if err := netns.Sysctl("ipv6/conf/"+plan.name+"/disable_ipv6", "1"); err != nil {
			return err
		}
	}
	br, err := netlink.LinkByName(plan.name)
	if err != nil {
		return fmt.Errorf("find the bridge %s: %w", plan.name, err)
	}
	if br.Type() != "bridge" {
		return fault.New(fault.Invalid, "the link %s is not a bridge", plan.name)
	}
	b.index = br.Attrs().Index
	for _, a := range plan.remove {
		if err := netlink.AddrDel(br, &netlink.Addr{IPNet: netns.IPNet(a)}); err != nil {
			return fmt.Errorf("take %s from the bridge %s: %w", a, plan.name, err)
		}
	}
	if plan.assign {
		if err := netlink.AddrAdd(br, &netlink.Addr{IPNet: netns.IPNet(plan.address)}); err != nil {
			return fmt.Errorf("give the bridge %s the address %s: %w", plan.name, plan.address, err)
		}
	}
	if err := netlink.LinkSetUp(br); err != nil {
		return fmt.Errorf("bring the bridge %s up: %w", plan.name, err)
	}
	// Lets 127.0.0.1:port of the host reach containers; the raw chain closes
	// what it would open to others.
	if err := netns.Sysctl("ipv4/conf/"+plan.name+"/route_localnet", "1"); err != nil {
		return err
	}
	value, _ := os.ReadFile("/proc/sys/net/bridge/bridge-nf-call-iptables") // absent without br_netfilter
	b.filtered = strings.TrimSpace(string(value)) == "1"
	b.forwards, err = forwarding()
	return err
}

// remove deletes the bridge, unless it is somebody else's.
func (b *bridge) remove() error {
	if b.foreign {
		return nil
	}
	err := netlink.LinkDel(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: b.name, Index: b.index}})
	var missing netlink.LinkNotFoundError
	if errors.As(err, &missing) || errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}

// observe reads the host's links, and every prefix that a route or an address occupies.
func observe() ([]seenLink, []netip.Prefix, error) {
	links, err := netns.Dump(netlink.LinkList)
	if err != nil {
		return nil, nil, fmt.Errorf("list the host's links: %w", err)
	}
	addrs, err := netns.Dump(func() ([]netlink.Addr, error) { return netlink.AddrList(nil, netlink.FAMILY_V4) })
	if err != nil {
		return nil, nil, fmt.Errorf("list the host's addresses: %w", err)
	}
	routes, err := netns.Dump(func() ([]netlink.Route, error) { return netlink.RouteList(nil, netlink.FAMILY_V4) })
	if err != nil {
		return nil, nil, fmt.Errorf("list the host's routes: %w", err)
	}
	byIndex := map[int][]netip.Prefix{}
	var taken []netip.Prefix
	for _, a := range addrs {
		if p, ok := prefix(a.IPNet); ok {
			byIndex[a.LinkIndex] = append(byIndex[a.LinkIndex], p)
			taken = append(taken, p.Masked())
		}
	}
	for _, r := range routes {
		if p, ok := prefix(r.Dst); ok && p.Bits() > 0 {
			taken = append(taken, p)
		}
	}
	var seen []seenLink
	for _, l := range links {
		a := l.Attrs()
		seen = append(seen, seenLink{name: a.Name, alias: a.Alias, index: a.Index, addresses: byIndex[a.Index]})
	}
	return seen, taken, nil
}

func prefix(n *net.IPNet) (netip.Prefix, bool) {
	if n == nil {
		return netip.Prefix{}, false
	}
	ip, ok := netip.AddrFromSlice(n.IP.To4())
	bits, _ := n.Mask.Size()
	return netip.PrefixFrom(ip, bits), ok
}

// lockHost keeps two daemons of one host from choosing the same name or
// subnet at the same moment. An abstract socket belongs to its network
// namespace and goes with its process: just what such a lock needs.
func lockHost(ctx context.Context) (func(), error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open a lock for the host's network: %w", err)
	}
	for {
		err = unix.Bind(fd, &unix.SockaddrUnix{Name: "@berth-network"})
		if !errors.Is(err, unix.EADDRINUSE) {
			break
		}
		select {
		case <-ctx.Done():
			err = context.Cause(ctx)
		case <-time.After(2 * time.Millisecond):
			continue
		}
		break
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("wait for another daemon to set its network up: %w", err)
	}
	return func() { _ = unix.Close(fd) }, nil
}

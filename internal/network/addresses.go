//go:build linux

package network

import (
	"net/netip"
	"sync"

	"berth/internal/fault"
)

// addresses hands out the addresses of one subnet, round robin: an address
// that was given back is the last to come around again.
type addresses struct {
	mu      sync.Mutex
	subnet  netip.Prefix
	gateway netip.Addr
	last    netip.Addr
	used    map[netip.Addr]bool
	// lingering has the bridge port of every address that was given back. The
	// kernel removes a namespace some time after its last user; until
	// then the old owner still answers ARP, and the address must wait.
	lingering map[netip.Addr]string
	alive     func(link string) bool
}

func newAddresses(subnet netip.Prefix, gateway netip.Addr, alive func(string) bool) *addresses {
	return &addresses{
		subnet: subnet.Masked(), gateway: gateway, last: subnet.Masked().Addr(),
		used: map[netip.Addr]bool{}, lingering: map[netip.Addr]string{}, alive: alive,
	}
}

// take returns a free address with the length of the subnet.
func (a *addresses) take() (netip.Prefix, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	broadcast := lastAddr(a.subnet)
	for ip, wrapped := a.last, false; ; {
		if ip = ip.Next(); !a.subnet.Contains(ip) {
			if wrapped {
				break
			}
			ip, wrapped = a.subnet.Addr(), true
			continue
		}
		if ip == a.gateway || ip == broadcast || a.used[ip] {
			if wrapped && ip == a.last {
				break
			}
			continue
		}
		if link, ok := a.lingering[ip]; ok {
			if a.alive(link) {
				if wrapped && ip == a.last {
					break
				}
				continue
			}
			delete(a.lingering, ip)
		}
		a.used[ip], a.last = true, ip
		return netip.PrefixFrom(ip, a.subnet.Bits()), nil
	}
	return netip.Prefix{}, fault.New(fault.Unavailable,
		"no available IPv4 addresses on this network's address pools: bridge (%s)", a.subnet)
}

// reserve marks an address as used, whoever has it.
func (a *addresses) reserve(ip netip.Addr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.used[ip] = true
}

// release gives an address back; link is the bridge port of its last owner.
func (a *addresses) release(ip netip.Addr, link string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.used, ip)
	a.lingering[ip] = link
}

// linger reports that an address has been given back that cannot be used yet.
func (a *addresses) linger() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for ip, link := range a.lingering {
		if a.alive(link) {
			return true
		}
		delete(a.lingering, ip)
	}
	return false
}

// lastAddr returns the highest address of an IPv4 prefix.
func lastAddr(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		b[bit/8] |= 1 << (7 - bit%8)
	}
	return netip.AddrFrom4(b)
}

//go:build linux

// Package address keeps account of the addresses of one subnet, and chooses
// the subnets of networks that ask for none.
package address

import (
	"net/netip"
	"sync"

	"berth/internal/fault"
)

// Space says which addresses a network has to give.
type Space struct {
	Name    string       // of the network, for error texts
	Subnet  netip.Prefix // IPv4
	Range   netip.Prefix // part of Subnet from which addresses are chosen; zero for all of it
	Gateway netip.Addr
	Taken   []netip.Addr // never given: auxiliary addresses
}

// Pool hands out the addresses of one subnet, round robin: an address that was
// given back is the last to come around again. Its methods may be called from
// any goroutine.
type Pool struct {
	mu     sync.Mutex
	space  Space
	last   netip.Addr
	used   map[netip.Addr]bool
	closed map[netip.Addr]bool // gateway, broadcast and auxiliary addresses
	// lingering has the bridge port of every address that was given back. The
	// kernel removes a namespace some time after its last user; until
	// then the old owner still answers ARP, and the address must wait.
	lingering map[netip.Addr]string
	alive     func(link string) bool
}

// New makes a pool of which nothing is taken; alive tells whether a bridge port is still there.
func New(space Space, alive func(link string) bool) *Pool {
	space.Subnet = space.Subnet.Masked()
	if !space.Range.IsValid() {
		space.Range = space.Subnet
	}
	space.Range = space.Range.Masked()
	p := &Pool{
		space: space, last: space.Range.Addr().Prev(), used: map[netip.Addr]bool{},
		closed:    map[netip.Addr]bool{space.Gateway: true, space.Subnet.Addr(): true, Last(space.Subnet): true},
		lingering: map[netip.Addr]string{}, alive: alive,
	}
	for _, ip := range space.Taken {
		p.closed[ip] = true
	}
	return p
}

// Take returns a free address with the length of the subnet.
func (p *Pool) Take() (netip.Prefix, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for ip, wrapped := p.last, false; ; {
		if wrapped && ip == p.last {
			break
		}
		if ip = ip.Next(); !p.space.Range.Contains(ip) {
			if wrapped {
				break
			}
			ip, wrapped = p.space.Range.Addr(), true
		}
		if !p.closed[ip] && !p.used[ip] && p.left(ip) {
			p.used[ip], p.last = true, ip
			return p.prefix(ip), nil
		}
	}
	return netip.Prefix{}, fault.New(fault.Unavailable,
		"no available IPv4 addresses on this network's address pools: %s (%s)", p.space.Name, p.space.Range)
}

// Claim takes the address that a user asked for. Forbidden says that it is in use,
// Invalid that it is not the network's to give, Unavailable that its last owner is still about to go.
func (p *Pool) Claim(ip netip.Addr) (netip.Prefix, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case !p.space.Subnet.Contains(ip):
		return netip.Prefix{}, fault.New(fault.Invalid, "no configured subnet contains IP address %s", ip)
	case p.used[ip] || p.closed[ip]:
		return netip.Prefix{}, fault.New(fault.Forbidden, "Address already in use") //nolint:staticcheck // Docker's text
	case !p.left(ip):
		return netip.Prefix{}, fault.New(fault.Unavailable, "the address %s is being given back", ip)
	}
	p.used[ip] = true
	return p.prefix(ip), nil
}

// left reports whether the last owner of an address has gone; p.mu is held.
func (p *Pool) left(ip netip.Addr) bool {
	link, ok := p.lingering[ip]
	if ok && p.alive(link) {
		return false
	}
	delete(p.lingering, ip)
	return true
}

func (p *Pool) prefix(ip netip.Addr) netip.Prefix { return netip.PrefixFrom(ip, p.space.Subnet.Bits()) }

// Reserve marks an address as used, whoever has it.
func (p *Pool) Reserve(ip netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used[ip] = true
}

// Release gives an address back; link is the bridge port of its last owner.
func (p *Pool) Release(ip netip.Addr, link string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.used, ip)
	p.lingering[ip] = link
}

// Lingers reports that an address has been given back that cannot be used yet.
func (p *Pool) Lingers() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for ip := range p.lingering {
		if !p.left(ip) {
			return true
		}
	}
	return false
}

// Last returns the highest address of an IPv4 prefix.
func Last(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		b[bit/8] |= 1 << (7 - bit%8)
	}
	return netip.AddrFrom4(b)
}

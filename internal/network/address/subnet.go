//go:build linux

package address

import (
	"net/netip"

	"berth/internal/fault"
)

// DefaultPools returns Docker's default address pools, already cut into
// subnets in the order in which they are tried.
func DefaultPools() []netip.Prefix {
	var out []netip.Prefix
	for b := 17; b < 32; b++ {
		out = append(out, netip.PrefixFrom(netip.AddrFrom4([4]byte{172, byte(b), 0, 0}), 16))
	}
	for c := 0; c < 256; c += 16 {
		out = append(out, netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 168, byte(c), 0}), 20))
	}
	return out
}

// NetworkPools returns the subnets for networks that users make: Docker's pools but the
// first, which is the default network's, cut into 256 addresses each. So there are thousands,
// and each takes little from what the host can still reach.
func NetworkPools() []netip.Prefix {
	var out []netip.Prefix
	for _, pool := range DefaultPools()[1:] {
		for ip := pool.Addr(); pool.Contains(ip); ip = Last(netip.PrefixFrom(ip, 24)).Next() {
			out = append(out, netip.PrefixFrom(ip, 24))
		}
	}
	return out
}

// Free returns the first pool that overlaps none of the taken prefixes.
func Free(pools, taken []netip.Prefix) (netip.Prefix, error) {
next:
	for _, p := range pools {
		for _, t := range taken {
			if p.Overlaps(t) {
				continue next
			}
		}
		return p, nil
	}
	return netip.Prefix{}, fault.New(fault.Unavailable, "all predefined address pools have been fully subnetted")
}

package remote

import (
	"net"
	"net/netip"
	"slices"
	"strings"

	"berth/internal/fault"
)

// Insecure tells the registries that need not prove who they are, and may be reached in the open.
// Those of this host never need to.
type Insecure struct {
	Networks []netip.Prefix
	Names    []string // host or host:port
}

// ParseInsecure reads daemon.json's insecure-registries: names and CIDRs.
func ParseInsecure(words []string) (Insecure, error) {
	in := Insecure{Networks: []netip.Prefix{netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("127.0.0.0/8")}}
	for _, word := range words {
		switch {
		case strings.HasPrefix(word, "http://"), strings.HasPrefix(word, "https://"):
			return in, fault.New(fault.Invalid, "insecure registry %s should not contain '://'", word)
		case strings.Contains(word, "/"):
			p, err := netip.ParsePrefix(word)
			if err != nil {
				return in, fault.New(fault.Invalid, "insecure registry %s is not valid: %v", word, err)
			}
			in.Networks = append(in.Networks, p.Masked())
		case word == "" || strings.HasPrefix(word, "-") || strings.ContainsAny(word, " \t?#@"):
			return in, fault.New(fault.Invalid, "insecure registry %s is not valid: invalid host %q", word, word)
		default:
			in.Names = append(in.Names, strings.ToLower(word))
		}
	}
	return in, nil
}

// Has reports whether a registry is one of them. Names are looked up, as Docker does, since a network may be all that is given.
func (in Insecure) Has(registry string) bool {
	name, _, err := net.SplitHostPort(registry)
	if err != nil {
		name = registry
	}
	name = strings.Trim(name, "[]")
	if name == "localhost" || slices.Contains(in.Names, strings.ToLower(registry)) || slices.Contains(in.Names, strings.ToLower(name)) {
		return true
	}
	if addr, err := netip.ParseAddr(name); err == nil {
		return in.covers(addr)
	}
	if len(in.Networks) <= 2 { // this host's own: no name of another stands for them
		return false
	}
	addrs, err := net.LookupIP(name)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(addrs, func(ip net.IP) bool {
		addr, ok := netip.AddrFromSlice(ip)
		return ok && in.covers(addr.Unmap())
	})
}

func (in Insecure) covers(addr netip.Addr) bool {
	return slices.ContainsFunc(in.Networks, func(p netip.Prefix) bool { return p.Contains(addr) })
}

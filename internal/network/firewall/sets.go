//go:build linux

package firewall

import (
	"encoding/binary"
	"maps"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"golang.org/x/sys/unix"

	"berth/internal/network/address"
	"berth/internal/network/port"
)

// sets are the sets and maps of the table.
type sets struct {
	bridges, talking, internal, masqueraded *nftables.Set
	published, publishedAt                  *nftables.Set
}

func newSets(t *nftables.Table) sets {
	target := nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeInetService)
	return sets{
		bridges:     &nftables.Set{Table: t, Name: "bridges", ID: 1, KeyByteOrder: binaryutil.NativeEndian, KeyType: nftables.TypeIFName},
		talking:     &nftables.Set{Table: t, Name: "talking", ID: 2, Concatenation: true, KeyType: nftables.MustConcatSetType(nftables.TypeIFName, nftables.TypeIFName)},
		internal:    &nftables.Set{Table: t, Name: "internal", ID: 3, KeyByteOrder: binaryutil.NativeEndian, KeyType: nftables.TypeIFName},
		masqueraded: &nftables.Set{Table: t, Name: "masqueraded", ID: 4, Interval: true, KeyType: nftables.TypeIPAddr},
		published: &nftables.Set{
			Table: t, Name: "ports", ID: 5, IsMap: true, DataType: target,
			KeyType: nftables.MustConcatSetType(nftables.TypeInetProto, nftables.TypeInetService),
		},
		publishedAt: &nftables.Set{
			Table: t, Name: "ports_ip", ID: 6, IsMap: true, DataType: target,
			KeyType: nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeInetProto, nftables.TypeInetService),
		},
	}
}

func (s sets) all() []*nftables.Set { return append(s.ofNetworks(), s.published, s.publishedAt) }

func (s sets) ofNetworks() []*nftables.Set {
	return []*nftables.Set{s.bridges, s.talking, s.internal, s.masqueraded}
}

// member is an element that is to be in a set.
type member struct {
	set     *nftables.Set
	element nftables.SetElement
}

func elementsOf(list []member, set *nftables.Set) []nftables.SetElement {
	var out []nftables.SetElement
	for _, m := range list {
		if m.set == set {
			out = append(out, m.element)
		}
	}
	return out
}

// networks are the members that all networks have together.
func (s sets) networks(all map[string]Network) []member {
	var out []member
	var subnets []netip.Prefix
	for _, name := range slices.Sorted(maps.Keys(all)) {
		n, link := all[name], padded(name)
		out = append(out, member{s.bridges, nftables.SetElement{Key: link}})
		if !n.Isolated {
			out = append(out, member{s.talking, nftables.SetElement{Key: slices.Concat(link, link)}})
		}
		if n.Internal {
			out = append(out, member{s.internal, nftables.SetElement{Key: link}})
		}
		if n.Masquerade && !n.Internal && n.Subnet.IsValid() {
			subnets = append(subnets, n.Subnet)
		}
	}
	for _, r := range ranges(subnets) {
		out = append(out,
			member{s.masqueraded, nftables.SetElement{Key: r.first.AsSlice()}},
			member{s.masqueraded, nftables.SetElement{Key: r.end.AsSlice(), IntervalEnd: true}})
	}
	return out
}

// span is the addresses from first to the one before end.
type span struct{ first, end netip.Addr }

// ranges are the addresses of subnets as few spans: in a set of intervals no two may touch.
// One that reaches the end of all addresses has 255.255.255.255 as its end, which is nobody's.
func ranges(subnets []netip.Prefix) []span {
	sorted := slices.SortedFunc(slices.Values(subnets), func(a, b netip.Prefix) int { return a.Masked().Addr().Compare(b.Masked().Addr()) })
	var out []span
	for _, p := range sorted {
		s := span{p.Masked().Addr(), address.Last(p).Next()}
		if !s.end.IsValid() {
			s.end = address.Last(p)
		}
		if n := len(out); n > 0 && s.first.Compare(out[n-1].end) <= 0 {
			if s.end.Compare(out[n-1].end) > 0 {
				out[n-1].end = s.end
			}
			continue
		}
		out = append(out, s)
	}
	return out
}

// ports are the members that publish the ports of the container at ip.
func (s sets) ports(ip netip.Addr, ports []port.Binding) []member {
	var out []member
	for _, p := range ports {
		k := key(p.Proto, p.HostPort)
		value := append(binary.BigEndian.AppendUint16(ip.AsSlice(), p.Port), 0, 0)
		if p.Everywhere() {
			out = append(out, member{s.published, nftables.SetElement{Key: k, Val: value}})
			continue
		}
		out = append(out, member{s.publishedAt, nftables.SetElement{Key: append(p.HostIP.AsSlice(), k...), Val: value}})
	}
	return out
}

// padded is the name of a link as the kernel compares it.
func padded(name string) []byte {
	b := make([]byte, unix.IFNAMSIZ)
	copy(b, name)
	return b
}

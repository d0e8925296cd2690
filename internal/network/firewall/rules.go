//go:build linux

package firewall

import (
	"net"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// baseChain is a chain on a hook with its rules, in the order of evaluation.
type baseChain struct {
	name     string
	kind     nftables.ChainType
	hook     *nftables.ChainHook
	priority *nftables.ChainPriority
	rules    [][]expr.Any
}

func (c baseChain) chain(t *nftables.Table) *nftables.Chain {
	return &nftables.Chain{Table: t, Name: c.name, Type: c.kind, Hooknum: c.hook, Priority: c.priority}
}

// chains returns the rules.
func chains(of sets) []baseChain {
	var (
		loopback = netip.MustParsePrefix("127.0.0.0/8")
		in, out  = link(expr.MetaKeyIIFNAME, of.bridges, true), link(expr.MetaKeyOIFNAME, of.bridges, true)
		away     = link(expr.MetaKeyOIFNAME, of.bridges, false)
		local    = []expr.Any{
			&expr.Fib{Register: 1, FlagDADDR: true, ResultADDRTYPE: true},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.NativeEndian.PutUint32(unix.RTN_LOCAL)},
		}
		ours       = from(of.masqueraded)
		dnatted    = ct(expr.CtKeySTATUS, 1<<5) // IPS_DST_NAT
		known      = ct(expr.CtKeySTATE, expr.CtStateBitESTABLISHED|expr.CtStateBitRELATED)
		accept     = verdict(expr.VerdictAccept)
		drop       = verdict(expr.VerdictDrop)
		masquerade = []expr.Any{&expr.Masq{}}
		// Loopback addresses are reached through the output hook only: with
		// route_localnet on, a neighbour could otherwise send to 127.0.0.1.
		notLoopback = addr(destination, loopback, false)
	)
	return []baseChain{
		{"raw", nftables.ChainTypeFilter, nftables.ChainHookPrerouting, nftables.ChainPriorityRaw, [][]expr.Any{
			// route_localnet makes the bridges accept loopback addresses; only
			// what conntrack translates back to them may, and that happens later.
			rule(in, addr(destination, loopback, true), drop),
			rule(in, addr(source, loopback, true), drop),
		}},
		{"prerouting", nftables.ChainTypeNAT, nftables.ChainHookPrerouting, nftables.ChainPriorityNATDest, [][]expr.Any{
			rule(local, notLoopback, dnat(of.publishedAt, true)),
			rule(local, notLoopback, dnat(of.published, false)),
		}},
		{"output", nftables.ChainTypeNAT, nftables.ChainHookOutput, nftables.ChainPriorityNATDest, [][]expr.Any{
			rule(local, dnat(of.publishedAt, true)),
			rule(local, dnat(of.published, false)),
		}},
		{"forward", nftables.ChainTypeFilter, nftables.ChainHookForward, nftables.ChainPriorityFilter, [][]expr.Any{
			rule(out, known, accept),
			rule(out, dnatted, accept),
			rule(within(of.talking), accept),
			rule(link(expr.MetaKeyIIFNAME, of.internal, true), drop),
			rule(in, out, drop), // networks are apart
			rule(in, accept),    // to anywhere else
			rule(out, drop),
		}},
		{"postrouting", nftables.ChainTypeNAT, nftables.ChainHookPostrouting, nftables.ChainPriorityNATSource, [][]expr.Any{
			rule(away, ours, masquerade),
			// A container that calls a published port of the host: the answer
			// would otherwise go straight over the bridge, past conntrack.
			rule(out, ours, dnatted, masquerade),
			// The host calling 127.0.0.1: the container cannot answer to that.
			rule(out, addr(source, loopback, true), masquerade),
		}},
	}
}

func rule(parts ...[]expr.Any) []expr.Any { return slices.Concat(parts...) }

func verdict(kind expr.VerdictKind) []expr.Any { return []expr.Any{&expr.Verdict{Kind: kind}} }

func op(equal bool) expr.CmpOp {
	if equal {
		return expr.CmpOpEq
	}
	return expr.CmpOpNeq
}

// link matches when the incoming or outgoing interface is in a set, or is not.
func link(key expr.MetaKey, set *nftables.Set, in bool) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: key, Register: 1},
		&expr.Lookup{SourceRegister: 1, SetName: set.Name, SetID: set.ID, Invert: !in},
	}
}

// within matches what comes from a bridge and goes to one that it may talk to. The name of
// a link fills four of the 32-bit registers.
func within(set *nftables.Set) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: unix.NFT_REG32_00},
		&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: unix.NFT_REG32_00 + 4},
		&expr.Lookup{SourceRegister: unix.NFT_REG32_00, SetName: set.Name, SetID: set.ID},
	}
}

// from matches a source address in a set.
func from(set *nftables.Set) []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: source, Len: 4},
		&expr.Lookup{SourceRegister: 1, SetName: set.Name, SetID: set.ID},
	}
}

// Offsets in the IPv4 header (RFC 791).
const (
	source      = 12
	destination = 16
)

// addr matches the source or destination address against a prefix.
func addr(offset uint32, p netip.Prefix, equal bool) []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: 4},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: net.CIDRMask(p.Bits(), 32), Xor: make([]byte, 4)},
		&expr.Cmp{Op: op(equal), Register: 1, Data: p.Masked().Addr().AsSlice()},
	}
}

// ct matches when any of the bits of a conntrack word is set.
func ct(key expr.CtKey, bits uint32) []expr.Any {
	return []expr.Any{
		&expr.Ct{Key: key, Register: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4,
			Mask: binaryutil.NativeEndian.PutUint32(bits), Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, 4)},
	}
}

// dnat looks the destination up in a map and rewrites it; without an element
// the rule does not match. The 32-bit registers follow each other, so the
// parts of a concatenation are loaded side by side.
func dnat(set *nftables.Set, withAddress bool) []expr.Any {
	reg := uint32(unix.NFT_REG32_00)
	var out []expr.Any
	if withAddress {
		out = append(out, &expr.Payload{DestRegister: reg, Base: expr.PayloadBaseNetworkHeader, Offset: destination, Len: 4})
		reg++
	}
	return append(out,
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: reg},
		&expr.Payload{DestRegister: reg + 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Lookup{SourceRegister: unix.NFT_REG32_00, DestRegister: unix.NFT_REG32_00, IsDestRegSet: true, SetName: set.Name, SetID: set.ID},
		&expr.NAT{Type: expr.NATTypeDestNAT, Family: unix.NFPROTO_IPV4,
			RegAddrMin: unix.NFT_REG32_00, RegProtoMin: unix.NFT_REG32_01},
	)
}

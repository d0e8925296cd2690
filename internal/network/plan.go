//go:build linux

package network

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"strings"

	"berth/internal/network/address"
	"berth/internal/network/definition"
)

// alias is how a bridge is marked as belonging to the daemon of an exec root.
func alias(root string) string { return "berth:" + root }

// ownName is the bridge name of a daemon that is not the first on its host.
func ownName(root string) string { return "berth-" + derive(root)[:6] }

// derive returns 64 hexadecimal digits that depend on nothing but its words.
func derive(words ...string) string {
	h := sha256.New()
	for _, w := range words {
		h.Write([]byte(w))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))
}

// seenLink is what bridge planning needs to know of a link.
type seenLink struct {
	name, alias string
	index       int
	addresses   []netip.Prefix // host bits kept
}

// bridgePlan says which bridge to use and what is to be done to it.
type bridgePlan struct {
	name    string
	alias   string       // how it is marked as ours
	mtu     int          // bytes
	create  bool         // it does not exist yet
	foreign bool         // somebody else's: never changed beyond need, never deleted
	address netip.Prefix // the gateway with the subnet's length
	assign  bool         // address is not on the bridge yet
	remove  []netip.Prefix
}

// planBridge decides the bridge of a daemon from the links and the prefixes
// (routes and addresses) that the host has. Three cases: our own bridge from an earlier
// run is taken up again; a bridge that the user named is used, or made; else
// a new one is made under the first name and the first subnet that are free.
func planBridge(cfg Config, links []seenLink, taken []netip.Prefix) (bridgePlan, error) {
	byName := map[string]seenLink{}
	var own *seenLink
	for i, l := range links {
		byName[l.name] = l
		if l.alias == alias(cfg.Root) && (cfg.Bridge == "" || cfg.Bridge == l.name) {
			own = &links[i]
		}
	}
	plan := bridgePlan{name: cfg.Bridge, alias: alias(cfg.Root), mtu: cfg.MTU}
	switch existing, exists := byName[cfg.Bridge]; {
	case own != nil:
		plan.name = own.name
		return plan.keepAddress(cfg, *own, taken)
	case exists:
		plan.foreign = true
		return plan.keepAddress(cfg, existing, taken)
	case cfg.Bridge == "":
		plan.name = "berth0"
		if _, busy := byName[plan.name]; busy {
			plan.name = ownName(cfg.Root)
		}
	}
	plan.create = true
	return plan.keepAddress(cfg, seenLink{}, taken)
}

// keepAddress chooses the gateway address: the one asked for, else the one
// that the bridge has, else the first of a free subnet.
func (p bridgePlan) keepAddress(cfg Config, l seenLink, taken []netip.Prefix) (bridgePlan, error) {
	p.assign = true
	switch {
	case cfg.BIP.IsValid():
		p.address = cfg.BIP
	case len(l.addresses) > 0:
		p.address = l.addresses[0]
	default:
		subnet, err := address.Free(cfg.Pools, taken)
		if err != nil {
			return p, err
		}
		p.address = netip.PrefixFrom(subnet.Masked().Addr().Next(), subnet.Bits())
	}
	for _, a := range l.addresses {
		switch {
		case a == p.address:
			p.assign = false
		case !p.foreign:
			p.remove = append(p.remove, a)
		}
	}
	return p, nil
}

// planNetwork decides the bridge of a network that a user has made: one that is there from an
// earlier run, one of the user's own under the name that the network's options give, or a new one.
func planNetwork(cfg Config, d definition.Definition, o definition.Bridge, links []seenLink) bridgePlan {
	plan := bridgePlan{
		name: o.Name, alias: networkAlias(cfg.Root, d.ID), mtu: cmp.Or(o.MTU, cfg.MTU),
		create: true, assign: true, address: netip.PrefixFrom(d.IPAM.Gateway, d.IPAM.Subnet.Bits()),
	}
	for _, l := range links {
		if l.name != plan.name {
			continue
		}
		plan.create, plan.foreign = false, l.alias != plan.alias
		for _, a := range l.addresses {
			switch {
			case a == plan.address:
				plan.assign = false
			case !plan.foreign:
				plan.remove = append(plan.remove, a)
			}
		}
	}
	return plan
}

// networkAlias marks the bridge of a network that a user has made. It begins as that of the default bridge.
func networkAlias(root, id string) string { return alias(root) + ":" + id }

// stale are the bridges of networks that are no more, or never came to be.
func stale(root string, known map[string]bool, links []seenLink) []seenLink {
	var out []seenLink
	for _, l := range links {
		if id, ours := strings.CutPrefix(l.alias, networkAlias(root, "")); ours && !known[id] {
			out = append(out, l)
		}
	}
	return out
}

//go:build linux

package network

import (
	"net/netip"
	"testing"

	"berth/internal/network/address"
)

func TestTheBridgeIsChosenFromWhatTheHostHas(t *testing.T) {
	p := netip.MustParsePrefix
	own := ownName("/run/x")
	for _, c := range []struct {
		name  string
		cfg   Config
		links []seenLink
		taken []netip.Prefix
		want  string // name address
		flags string // c=create f=foreign a=assign r=remove
	}{
		{"empty host", Config{}, nil, nil, "berth0 172.17.0.1/16", "ca"},
		{"name and subnet taken", Config{}, []seenLink{{name: "berth0", alias: "berth:/run/y"}}, []netip.Prefix{p("172.17.0.0/16")}, own + " 172.18.0.1/16", "ca"},
		{"172.16/12 is routed", Config{}, nil, []netip.Prefix{p("172.16.0.0/12")}, "berth0 192.168.0.1/20", "ca"},
		{"ours from before", Config{}, []seenLink{{name: "berth0"}, {name: own, alias: "berth:/run/x", addresses: []netip.Prefix{p("172.18.0.1/16")}}},
			[]netip.Prefix{p("172.18.0.0/16")}, own + " 172.18.0.1/16", ""},
		{"ours, to be readdressed", Config{BIP: p("10.9.0.1/24")}, []seenLink{{name: "berth0", alias: "berth:/run/x", addresses: []netip.Prefix{p("172.17.0.1/16")}}},
			nil, "berth0 10.9.0.1/24", "ar"},
		{"the user's name, new", Config{Bridge: "docker0", BIP: p("10.9.0.1/24")}, nil, nil, "docker0 10.9.0.1/24", "ca"},
		{"the user's bridge", Config{Bridge: "br0"}, []seenLink{{name: "br0", addresses: []netip.Prefix{p("10.1.0.1/24"), p("10.2.0.1/24")}}}, nil, "br0 10.1.0.1/24", "f"},
	} {
		c.cfg.Root, c.cfg.Pools = "/run/x", address.DefaultPools()
		plan, err := planBridge(c.cfg, c.links, c.taken)
		flags := ""
		for _, f := range []struct {
			set  bool
			flag string
		}{{plan.create, "c"}, {plan.foreign, "f"}, {plan.assign, "a"}, {len(plan.remove) > 0, "r"}} {
			if f.set {
				flags += f.flag
			}
		}
		if got := plan.name + " " + plan.address.String(); err != nil || got != c.want || flags != c.flags {
			t.Errorf("%s: %s %q (%v), want %s %q", c.name, got, flags, err, c.want, c.flags)
		}
	}
	if _, err := planBridge(Config{Pools: address.DefaultPools()}, nil, []netip.Prefix{p("0.0.0.0/1"), p("128.0.0.0/1")}); err == nil {
		t.Error("a subnet was found where everything is taken")
	}
}

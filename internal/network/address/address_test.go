//go:build linux

package address

import (
	"net/netip"
	"testing"
)

func TestAnAddressComesBackOnlyWhenItsLastOwnerIsGone(t *testing.T) {
	alive := map[string]bool{"vetha": true}
	a := New(Space{Name: "bridge", Subnet: netip.MustParsePrefix("10.0.0.0/29"), Gateway: netip.MustParseAddr("10.0.0.1")}, func(l string) bool { return alive[l] })
	take := func(want string) {
		t.Helper()
		if got, err := a.Take(); (err == nil && got.String() != want) || (err != nil) != (want == "") {
			t.Errorf("got %s (%v), want %q", got, err, want)
		}
	}
	a.Reserve(netip.MustParseAddr("10.0.0.3"))
	take("10.0.0.2/29")
	a.Release(netip.MustParseAddr("10.0.0.2"), "vetha")
	take("10.0.0.4/29")
	take("10.0.0.5/29")
	take("10.0.0.6/29")
	take("") // .7 is broadcast, .2 lingers
	alive["vetha"] = false
	take("10.0.0.2/29")
	take("")
	a.Release(netip.MustParseAddr("10.0.0.6"), "")
	take("10.0.0.6/29")
}

func TestAnAddressIsChosenFromTheRangeAndClaimedFromTheSubnet(t *testing.T) {
	ip, prefix := netip.MustParseAddr, netip.MustParsePrefix
	a := New(Space{
		Name: "n", Subnet: prefix("10.0.0.0/24"), Range: prefix("10.0.0.8/30"), Gateway: ip("10.0.0.1"), Taken: []netip.Addr{ip("10.0.0.9")},
	}, func(string) bool { return false })
	for _, want := range []string{"10.0.0.8/24", "10.0.0.10/24", "10.0.0.11/24", ""} {
		if got, err := a.Take(); (err == nil && got.String() != want) || (err != nil) != (want == "") {
			t.Errorf("got %s (%v), want %q", got, err, want)
		}
	}
	for asked, want := range map[string]bool{
		"10.0.0.20": true, "10.0.0.8": false, "10.0.0.9": false, "10.0.0.1": false, "10.0.0.0": false, "10.0.0.255": false, "10.0.1.1": false,
	} {
		if got, err := a.Claim(ip(asked)); (err == nil) != want {
			t.Errorf("%s: got %s (%v)", asked, got, err)
		}
	}
	if _, err := a.Claim(ip("10.0.0.20")); err == nil {
		t.Error("an address was given twice")
	}
	a.Release(ip("10.0.0.20"), "")
	if _, err := a.Claim(ip("10.0.0.20")); err != nil {
		t.Error(err)
	}
}

func TestSubnetsForNetworksAreSmallAndApart(t *testing.T) {
	pools := NetworkPools()
	if got := pools[0].String(); got != "172.18.0.0/24" {
		t.Errorf("the first is %s", got)
	}
	for i, p := range pools[1:] {
		if p.Bits() != 24 || p.Overlaps(pools[i]) {
			t.Fatalf("%s follows %s", p, pools[i])
		}
	}
	if got, err := Free(pools, []netip.Prefix{netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/24")}); err != nil || got.String() != "192.168.1.0/24" {
		t.Errorf("beside a VPN: %s %v", got, err)
	}
}

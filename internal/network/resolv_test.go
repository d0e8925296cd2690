package network

import (
	"net/netip"
	"testing"
)

func TestResolvConfLeavesOutWhatAContainerCannotReach(t *testing.T) {
	const host = "# by hand\nnameserver 127.0.0.53\nnameserver 10.0.0.1 ; first\nnameserver fd00::1\nnameserver ::1\n" +
		"domain old.test\nsearch a.test b.test\noptions edns0\noptions trust-ad\n"
	for _, c := range []struct {
		name, host, want string
		r                Resolver
	}{
		{"the host's", host, "nameserver 10.0.0.1\nsearch a.test b.test\noptions edns0 trust-ad\n", Resolver{}},
		{"with IPv6", host, "nameserver 10.0.0.1\nnameserver fd00::1\nsearch a.test b.test\noptions edns0 trust-ad\n", Resolver{IPv6: true}},
		{"the user's", host, "nameserver 127.0.0.1\nsearch c.test\noptions ndots:2\n",
			Resolver{Servers: []string{"127.0.0.1"}, Search: []string{"c.test"}, Options: []string{"ndots:2"}}},
		{"no search", host, "nameserver 10.0.0.1\noptions edns0 trust-ad\n", Resolver{Search: []string{"."}}},
		{"none left", "nameserver 127.0.0.1\n", "nameserver 8.8.8.8\nnameserver 8.8.4.4\n", Resolver{}},
		{"nothing there", "", "nameserver 8.8.8.8\nnameserver 8.8.4.4\nnameserver 2001:4860:4860::8888\nnameserver 2001:4860:4860::8844\n", Resolver{IPv6: true}},
	} {
		if got := string(ResolvConf([]byte(c.host), c.r)); got != c.want {
			t.Errorf("%s:\n%s\nwant:\n%s", c.name, got, c.want)
		}
	}
}

func TestHostsListsLocalNamesThenExtraThenTheContainer(t *testing.T) {
	got := string(Hosts(
		[]string{"db:10.0.0.5", "six:fd00::5", "other=[fd00::6]", "up:host-gateway", "broken"},
		netip.MustParseAddr("172.17.0.1"), []netip.Addr{netip.MustParseAddr("172.17.0.2")}, "web", "alias"))
	want := "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\nff00::\tip6-mcastprefix\n" +
		"ff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n" +
		"10.0.0.5\tdb\nfd00::5\tsix\nfd00::6\tother\n172.17.0.1\tup\n172.17.0.2\tweb alias\n"
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

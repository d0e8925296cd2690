//go:build linux

package network

import (
	"net/netip"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"berth/internal/fault"
	"berth/internal/network/definition"
	"berth/internal/state"
)

// stateful is a configuration whose networks outlive the service.
func stateful(t *testing.T) Config {
	t.Helper()
	store, err := state.Open(filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return Config{State: store}
}

// create makes a network.
func (l *lab) create(s *Service, req definition.Request) Network {
	l.Helper()
	n, err := s.Create(l.Context(), req)
	if err != nil {
		l.Fatal(err)
	}
	return n
}

// join puts a container on a network.
func (l *lab) join(s *Service, req ConnectRequest) *Attachment {
	l.Helper()
	req.ID, req.Name = randomHex(32), "c"
	a, err := s.Connect(l.Context(), req)
	if err != nil {
		l.Fatal(err)
	}
	if a.NetNS != nil {
		l.Cleanup(func() { a.NetNS.Close() })
	}
	return a
}

func TestNetworksAreApartAndTheirContainersTogether(t *testing.T) {
	l := newLab(t)
	s := l.open(stateful(t))
	one, two := l.create(s, definition.Request{Name: "one"}), l.create(s, definition.Request{Name: "two"})
	if one.IPAM.Subnet.String() != "172.18.0.0/24" || two.IPAM.Subnet.String() != "172.18.1.0/24" {
		t.Errorf("%s and %s", one.IPAM.Subnet, two.IPAM.Subnet)
	}
	a, b := l.join(s, ConnectRequest{Network: "one"}), l.join(s, ConnectRequest{Network: one.ID})
	c := l.join(s, ConnectRequest{Network: two.ID[:12], Ports: []PortBinding{{Port: 80, HostPort: 8080}}})
	d := l.connect(s)
	for _, ns := range []*Attachment{a, b, c, d} {
		l.serve(ns.NetNS, 80)
	}
	at := func(a *Attachment) string { return a.Address.Addr().String() + ":80" }
	l.reaches(a.NetNS, "tcp4", at(b), a.Address.Addr().String())
	l.reaches(l.host, "tcp4", at(a), "172.18.0.1")
	l.isCutOff(a.NetNS, "tcp4", at(c))
	l.isCutOff(a.NetNS, "tcp4", at(d))
	l.isCutOff(d.NetNS, "udp4", at(a))
	l.isCutOff(l.outside, "tcp4", at(a))
	for _, network := range []string{"tcp4"} {
		l.reaches(l.outside, network, "198.51.100.1:8080", "198.51.100.2")
		l.reaches(a.NetNS, network, "198.51.100.1:8080", "172.18.1.1") // what is published, other networks reach too
		l.reaches(c.NetNS, network, "198.51.100.1:8080", "172.18.1.1")
		l.reaches(l.host, network, "127.0.0.1:8080", "172.18.1.1")
	}
	l.serve(l.outside, 9000)
	l.reaches(a.NetNS, "tcp4", "198.51.100.2:9000", "198.51.100.1")
}

func TestAnInternalNetworkHasNoWorld(t *testing.T) {
	l := newLab(t)
	s := l.open(stateful(t))
	l.create(s, definition.Request{Name: "in", Internal: true})
	l.create(s, definition.Request{Name: "other"})
	a, b := l.join(s, ConnectRequest{Network: "in"}), l.join(s, ConnectRequest{Network: "in"})
	c := l.join(s, ConnectRequest{Network: "other"})
	l.serve(b.NetNS, 80)
	l.serve(c.NetNS, 80)
	l.serve(l.outside, 9000)
	l.reaches(a.NetNS, "tcp4", b.Address.Addr().String()+":80", a.Address.Addr().String())
	if a.Gateway.IsValid() {
		t.Errorf("a gateway %s", a.Gateway)
	}
	// Also when a container makes a route for itself.
	l.in(a.NetNS, func() error { return route("172.18.0.1") })
	l.isCutOff(a.NetNS, "tcp4", "198.51.100.2:9000")
	l.isCutOff(a.NetNS, "tcp4", c.Address.Addr().String()+":80")
	l.isCutOff(c.NetNS, "tcp4", b.Address.Addr().String()+":80")
	l.isCutOff(l.outside, "tcp4", b.Address.Addr().String()+":80")
}

func TestContainersOfANetworkWithoutICCAreApart(t *testing.T) {
	l := newLab(t)
	s := l.open(stateful(t))
	l.create(s, definition.Request{Name: "alone", Options: map[string]string{definition.ICC: "false", definition.MTU: "1400", definition.LinkPrefix: "net"}})
	a := l.join(s, ConnectRequest{Network: "alone"})
	b := l.join(s, ConnectRequest{Network: "alone", Ports: []PortBinding{{Port: 80, HostPort: 8080}}})
	l.serve(b.NetNS, 80)
	l.serve(l.outside, 9000)
	l.isCutOff(a.NetNS, "tcp4", b.Address.Addr().String()+":80")
	l.reaches(a.NetNS, "tcp4", "198.51.100.1:8080", "172.18.0.1")
	l.reaches(a.NetNS, "tcp4", "198.51.100.2:9000", "198.51.100.1")
	l.in(a.NetNS, func() error { return hasMTU("net0", 1400) })
}

func TestAContainerIsOnSeveralNetworks(t *testing.T) {
	l := newLab(t)
	s := l.open(stateful(t))
	l.create(s, definition.Request{Name: "one"})
	l.create(s, definition.Request{Name: "two", IPAM: definition.IPAMRequest{Config: []definition.Pool{{
		Subnet: netip.MustParsePrefix("10.20.0.0/16"), Range: netip.MustParsePrefix("10.20.7.0/24"), Gateway: netip.MustParseAddr("10.20.0.9"),
	}}}})
	a := l.join(s, ConnectRequest{Network: "one"})
	second := l.join(s, ConnectRequest{Network: "two", Into: a.NetNS, Link: 1, Beside: true, Address: netip.MustParseAddr("10.20.99.1"), MAC: "02:00:00:00:00:07"})
	b := l.join(s, ConnectRequest{Network: "two"})
	if got := b.Address.String(); got != "10.20.7.0/16" {
		t.Errorf("from the range: %s", got)
	}
	l.serve(a.NetNS, 80)
	l.reaches(b.NetNS, "tcp4", "10.20.99.1:80", "10.20.7.0")
	if second.MAC != "02:00:00:00:00:07" || second.NetNS != nil {
		t.Errorf("%+v", second)
	}
	if _, err := s.Connect(l.Context(), ConnectRequest{Network: "two", Address: netip.MustParseAddr("10.20.99.1")}); !fault.Is(err, fault.Forbidden) {
		t.Errorf("an address in use: %v", err)
	}
	if err := s.Unplug(l.Context(), second.EndpointID); err != nil {
		t.Error(err)
	}
	l.isCutOff(b.NetNS, "tcp4", "10.20.99.1:80")
	again := l.join(s, ConnectRequest{Network: "two", Into: a.NetNS, Link: 1, Beside: true, Address: netip.MustParseAddr("10.20.99.1")})
	l.reaches(b.NetNS, "tcp4", "10.20.99.1:80", "10.20.7.0")
	if err := s.Unplug(l.Context(), again.EndpointID); err != nil {
		t.Error(err)
	}
}

func TestNetworksOutliveTheirDaemonAndItsDeath(t *testing.T) {
	l := newLab(t)
	cfg := stateful(t)
	s := l.open(cfg)
	n := l.create(s, definition.Request{Name: "n", Labels: map[string]string{"a": "b"}})
	gone := l.create(s, definition.Request{Name: "gone"})
	a, b := l.join(s, ConnectRequest{Network: "n"}), l.join(s, ConnectRequest{Network: "n"})
	l.serve(a.NetNS, 80)
	// A daemon that is killed after it has forgotten a network, and after it has made one that it has not written down.
	if err := cfg.State.Commit(state.Op{Bucket: bucket, Key: gone.ID}); err != nil {
		t.Fatal(err)
	}
	again := l.open(cfg, a.Endpoint, b.Endpoint)
	got, err := again.Inspect("n")
	if err != nil || got.ID != n.ID || got.IPAM.Subnet != n.IPAM.Subnet || got.Labels["a"] != "b" || len(got.Endpoints) != 2 {
		t.Errorf("%+v %v", got, err)
	}
	l.reaches(b.NetNS, "tcp4", a.Address.Addr().String()+":80", b.Address.Addr().String())
	if c := l.join(again, ConnectRequest{Network: "n"}); c.Address == a.Address || c.Address == b.Address {
		t.Errorf("an address was given twice: %s", c.Address)
	}
	l.in(l.host, func() error {
		links, _, err := observe()
		for _, k := range links {
			if k.name == "br-"+gone.ID[:12] {
				t.Errorf("the bridge of a network that is no more is there: %s", k.name)
			}
		}
		return err
	})
}

func TestANetworkInUseIsNotRemoved(t *testing.T) {
	l := newLab(t)
	s := l.open(stateful(t))
	l.create(s, definition.Request{Name: "n"})
	a := l.join(s, ConnectRequest{Network: "n"})
	if _, err := s.Remove(l.Context(), "n"); !fault.Is(err, fault.Forbidden) || !strings.Contains(err.Error(), "network n has active endpoints") {
		t.Errorf("in use: %v", err)
	}
	if _, err := s.Remove(l.Context(), "bridge"); !fault.Is(err, fault.Forbidden) {
		t.Errorf("predefined: %v", err)
	}
	if err := s.Disconnect(l.Context(), a.EndpointID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Remove(l.Context(), "n"); err != nil {
		t.Error(err)
	}
	if _, err := s.Remove(l.Context(), "n"); !fault.Is(err, fault.NotFound) {
		t.Errorf("twice: %v", err)
	}
	if _, err := s.Connect(l.Context(), ConnectRequest{Network: "n"}); !fault.Is(err, fault.NotFound) {
		t.Errorf("on one that is no more: %v", err)
	}
}

func TestWhatCannotBeANetworkChangesNothing(t *testing.T) {
	l := newLab(t)
	s := l.open(stateful(t))
	l.create(s, definition.Request{Name: "n"})
	traces := func() string { return regexp.MustCompile(`link veth[0-9a-f]+, `).ReplaceAllString(l.traces(), "") } // the pool's
	before := traces()
	pool := func(subnet string) definition.IPAMRequest {
		return definition.IPAMRequest{Config: []definition.Pool{{Subnet: netip.MustParsePrefix(subnet)}}}
	}
	for _, c := range []struct {
		req  definition.Request
		kind fault.Kind
		want string
	}{
		{definition.Request{Name: "n"}, fault.Conflict, "network with name n already exists"},
		{definition.Request{Name: "host"}, fault.Forbidden, "operation is not permitted on predefined host network "},
		{definition.Request{Name: "m", IPAM: pool("172.18.0.0/16")}, fault.Forbidden, "Pool overlaps with other one on this address space"},
		{definition.Request{Name: "m", IPAM: pool("172.17.3.0/24")}, fault.Forbidden, "Pool overlaps with other one on this address space"},
		{definition.Request{Name: "m", Options: map[string]string{definition.BridgeName: "berth0"}}, fault.Forbidden, "networks have same bridge name"},
		{definition.Request{Name: "m", Options: map[string]string{definition.BridgeName: "uplink"}}, fault.Invalid, "the link uplink is not a bridge"},
		{definition.Request{Name: "m", Options: map[string]string{definition.MTU: "1"}}, fault.Invalid, "an MTU is 68 to 65535 bytes"},
	} {
		if _, err := s.Create(l.Context(), c.req); !fault.Is(err, c.kind) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c.req, err)
		}
	}
	if after := traces(); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

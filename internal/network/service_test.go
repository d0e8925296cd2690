//go:build linux

package network

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/linux/netns"
)

func TestAContainerReachesTheOutsideUnderTheHostsAddress(t *testing.T) {
	l := newLab(t)
	s := l.open(Config{})
	a := l.connect(s)
	l.serve(l.outside, 9000)
	l.reaches(a.NetNS, "tcp4", "198.51.100.2:9000", "198.51.100.1")
	l.reaches(a.NetNS, "udp4", "198.51.100.2:9000", "198.51.100.1")
}

func TestAPublishedPortIsReachedFromEverywhere(t *testing.T) {
	for name, filtered := range map[string]string{"plain bridge": "0", "bridge with br_netfilter": "1"} {
		t.Run(name, func(t *testing.T) { publishedFromEverywhere(t, filtered) })
	}
}

func publishedFromEverywhere(t *testing.T, filtered string) {
	l := newLab(t)
	l.in(l.host, func() error { return netns.Sysctl("bridge/bridge-nf-call-iptables", filtered) })
	s := l.open(Config{})
	a := l.connect(s, PortBinding{Port: 80, HostPort: 8080}, PortBinding{Port: 80, HostPort: 8080, Proto: "udp"})
	b := l.connect(s)
	l.serve(a.NetNS, 80)
	direct := a.Address.Addr().String() + ":80"
	for _, network := range []string{"tcp4", "udp4"} {
		l.reaches(l.outside, network, "198.51.100.1:8080", "198.51.100.2")
		l.reaches(l.host, network, "198.51.100.1:8080", "198.51.100.1")
		l.reaches(l.host, network, "127.0.0.1:8080", "172.17.0.1")
		l.reaches(l.host, network, "127.3.2.1:8080", "172.17.0.1")
		l.reaches(l.host, network, "172.17.0.1:8080", "172.17.0.1")
		l.reaches(l.host, network, direct, "172.17.0.1")
		l.reaches(a.NetNS, network, "198.51.100.1:8080", "172.17.0.1") // itself, around through the host
		l.reaches(b.NetNS, network, "198.51.100.1:8080", "172.17.0.1")
		l.reaches(b.NetNS, network, "172.17.0.1:8080", "172.17.0.1")
		l.reaches(b.NetNS, network, direct, b.Address.Addr().String())
	}
}

func TestAPortPublishedOnOneAddressIsReachedThereOnly(t *testing.T) {
	l := newLab(t)
	s := l.open(Config{})
	a := l.connect(s,
		PortBinding{Port: 80, HostPort: 8080, HostIP: netip.MustParseAddr("127.0.0.1")},
		PortBinding{Port: 81, HostPort: 8080, HostIP: netip.MustParseAddr("198.51.100.1")})
	l.serve(a.NetNS, 80)
	l.serve(a.NetNS, 81)
	l.reaches(l.host, "tcp4", "127.0.0.1:8080", "172.17.0.1")
	l.reaches(l.outside, "tcp4", "198.51.100.1:8080", "198.51.100.2")
	l.isCutOff(l.host, "tcp4", "172.17.0.1:8080")
}

func TestNeighboursReachNothingThatIsNotPublished(t *testing.T) {
	l := newLab(t)
	s := l.open(Config{})
	a := l.connect(s, PortBinding{Port: 80, HostPort: 8080, HostIP: netip.MustParseAddr("127.0.0.1")})
	l.serve(a.NetNS, 80)
	l.serve(l.host, 7000)
	// By routing to the container itself, published or not.
	l.isCutOff(l.outside, "tcp4", a.Address.Addr().String()+":80")
	l.isCutOff(l.outside, "udp4", a.Address.Addr().String()+":80")
	// By sending packets for the host's loopback addresses over a wire.
	for _, ns := range []*os.File{l.outside, a.NetNS} {
		via := "198.51.100.1"
		name := "uplink"
		if ns == a.NetNS {
			via, name = "172.17.0.1", "eth0"
		}
		l.in(ns, func() error {
			if err := netns.Sysctl("ipv4/conf/all/route_localnet", "1"); err != nil {
				return err
			}
			link, err := netlink.LinkByName(name)
			if err != nil {
				return err
			}
			// With its own loopback address gone, nothing keeps the packets inside.
			lo := netlink.Addr{IPNet: netns.IPNet(netip.MustParsePrefix("127.0.0.1/8"))}
			if err := netlink.AddrDel(&netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Index: 1}}, &lo); err != nil {
				return err
			}
			return netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Gw: net.ParseIP(via), Dst: netns.IPNet(netip.MustParsePrefix("127.0.0.0/8"))})
		})
		l.isCutOff(ns, "udp4", "127.0.0.1:8080")
		l.isCutOff(ns, "tcp4", "127.0.0.1:8080")
		l.isCutOff(ns, "tcp4", "127.0.0.1:7000")
	}
	l.reaches(l.host, "tcp4", "127.0.0.1:8080", "172.17.0.1")
}

func TestATakenPortIsRefusedInDockersWords(t *testing.T) {
	l := newLab(t)
	s := l.open(Config{})
	l.connect(s, PortBinding{Port: 80, HostPort: 8080})
	l.serve(l.host, 9090)
	for _, c := range []struct {
		ports []PortBinding
		want  string
	}{
		{[]PortBinding{{Port: 1, HostPort: 8080}}, "Bind for 0.0.0.0:8080 failed: port is already allocated"},
		{[]PortBinding{{Port: 1, HostPort: 8080, HostIP: netip.MustParseAddr("127.0.0.1")}}, "Bind for 127.0.0.1:8080 failed: port is already allocated"},
		{[]PortBinding{{Port: 1, HostPort: 9090}}, "failed to bind host port 0.0.0.0:9090/tcp: address already in use"},
		{[]PortBinding{{Port: 1, HostPort: 9090, Proto: "udp"}}, "failed to bind host port 0.0.0.0:9090/udp: address already in use"},
		{[]PortBinding{{Port: 1, HostPort: 7070}, {Port: 2, HostPort: 7070}}, "Bind for 0.0.0.0:7070 failed: port is already allocated"},
		{[]PortBinding{{Port: 1, HostPort: 80, HostIP: netip.MustParseAddr("203.0.113.9")}}, "failed to bind host port 203.0.113.9:80/tcp: cannot assign requested address"},
	} {
		_, err := s.Connect(t.Context(), ConnectRequest{ID: "x", Name: "db", Ports: c.ports})
		if err == nil {
			t.Errorf("%v: no error, want %s", c.ports, c.want)
			continue
		}
		start := "driver failed programming external connectivity on endpoint db ("
		if !strings.HasPrefix(err.Error(), start) || !strings.HasSuffix(err.Error(), "): "+c.want) || fault.KindOf(err) != fault.Internal {
			t.Errorf("%v: %v, want %s", c.ports, err, c.want)
		}
	}
	// What a failed request had taken already is free again.
	l.connect(s, PortBinding{Port: 1, HostPort: 7070})
	// The other way around, a program of the host sees our port as taken.
	err := netns.Do(l.host, func() error { _, err := net.Listen("tcp4", ":8080"); return err })
	if err == nil {
		t.Error("the host can listen on a published port")
	}
}

func TestABadRequestIsRefusedByKind(t *testing.T) {
	l := newLab(t)
	s := l.open(Config{})
	for _, c := range []struct {
		req  ConnectRequest
		kind fault.Kind
	}{
		{ConnectRequest{Ports: []PortBinding{{Port: 80, HostIP: netip.MustParseAddr("::1")}}}, fault.Unsupported},
		{ConnectRequest{Ports: []PortBinding{{Port: 80, Proto: "icmp"}}}, fault.Invalid},
		{ConnectRequest{Ports: []PortBinding{{HostPort: 80}}}, fault.Invalid},
		{ConnectRequest{MAC: "nonsense"}, fault.Invalid},
	} {
		if _, err := s.Connect(t.Context(), c.req); fault.KindOf(err) != c.kind || err == nil {
			t.Errorf("%+v: %v, want kind %v", c.req, err, c.kind)
		}
	}
	if err := s.Disconnect(t.Context(), "nothing"); !fault.Is(err, fault.NotFound) {
		t.Errorf("disconnect of nothing: %v", err)
	}
}

func TestPortsAreChosenWhenTheUserDoesNot(t *testing.T) {
	l := newLab(t)
	s := l.open(Config{})
	a := l.connect(s, PortBinding{Port: 80}, PortBinding{Port: 81},
		PortBinding{Port: 82, HostPort: 5000, HostPortEnd: 5003}, PortBinding{Port: 83, HostPort: 5000, HostPortEnd: 5003})
	p := a.Ports
	if p[0].HostPort < 32768 || p[1].HostPort == p[0].HostPort || p[2].HostPort != 5000 || p[3].HostPort != 5001 || p[2].HostPortEnd != 0 {
		t.Errorf("bound ports: %+v", p)
	}
	l.serve(a.NetNS, 80)
	l.reaches(l.outside, "tcp4", fmt.Sprintf("198.51.100.1:%d", p[0].HostPort), "198.51.100.2")
}

func TestAfterDisconnectThePortIsFreeAndTheAddressRests(t *testing.T) {
	l := newLab(t)
	s := l.open(Config{})
	a := l.connect(s, PortBinding{Port: 80, HostPort: 8080})
	if err := s.Disconnect(t.Context(), a.EndpointID); err != nil {
		t.Fatal(err)
	}
	b := l.connect(s, PortBinding{Port: 80, HostPort: 8080})
	if a.Address == b.Address {
		t.Errorf("the address %s was given out again at once", a.Address)
	}
	l.serve(b.NetNS, 80)
	l.reaches(l.outside, "tcp4", "198.51.100.1:8080", "198.51.100.2")
}

func TestASmallNetworkIsUsedToItsLastAddress(t *testing.T) {
	l := newLab(t)
	s := l.open(Config{BIP: netip.MustParsePrefix("172.30.0.1/29")})
	for range 5 {
		var all []*Attachment
		for range 5 {
			all = append(all, l.connect(s))
		}
		_, err := s.Connect(t.Context(), ConnectRequest{ID: "one too many"})
		if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "no available IPv4 addresses") {
			t.Errorf("a sixth container on five addresses: %v", err)
		}
		for _, a := range all {
			if err := s.Disconnect(t.Context(), a.EndpointID); err != nil {
				t.Error(err)
			}
			a.NetNS.Close()
		}
	}
}

func TestASandboxLooksLikeDockers(t *testing.T) {
	l := newLab(t)
	s := l.open(Config{MTU: 1400})
	a, err := s.Connect(t.Context(), ConnectRequest{ID: "x", Name: "x", MAC: "02:42:ac:11:00:99"})
	if err != nil {
		t.Fatal(err)
	}
	defer a.NetNS.Close()
	none, err := s.ConnectNone(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer none.Close()
	for _, ns := range []*os.File{a.NetNS, none} {
		l.in(ns, func() error {
			for name, want := range map[string]string{
				"ipv6/conf/default/disable_ipv6": "0", "ipv6/conf/lo/disable_ipv6": "0",
				"ipv4/ip_unprivileged_port_start": "0", "ipv4/ping_group_range": "0\t2147483647",
			} {
				got, err := os.ReadFile("/proc/sys/net/" + name)
				if err != nil || strings.TrimSpace(string(got)) != want {
					t.Errorf("%s = %q (%v), want %q", name, got, err, want)
				}
			}
			lo, err := netlink.LinkByName("lo")
			if err == nil && lo.Attrs().Flags&net.FlagUp == 0 {
				t.Error("lo is down")
			}
			return err
		})
	}
	l.in(a.NetNS, func() error {
		link, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		if got := link.Attrs(); got.MTU != 1400 || got.HardwareAddr.String() != "02:42:ac:11:00:99" || a.MAC != "02:42:ac:11:00:99" {
			t.Errorf("eth0 has mtu %d and address %s; attachment says %s", got.MTU, got.HardwareAddr, a.MAC)
		}
		addrs, err := netns.Dump(func() ([]netlink.Addr, error) { return netlink.AddrList(link, netlink.FAMILY_ALL) })
		if len(addrs) != 1 || addrs[0].IPNet.String() != a.Address.String() {
			t.Errorf("eth0 has %v, want %s alone", addrs, a.Address)
		}
		return err
	})
	if flags, err := unix.FcntlInt(a.NetNS.Fd(), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Error("the namespace's descriptor is not close-on-exec")
	}
}

func TestARestartedDaemonTakesOverWhatRuns(t *testing.T) {
	l := newLab(t)
	first := l.open(Config{})
	a := l.connect(first, PortBinding{Port: 80, HostPort: 8080})
	gone := l.connect(first, PortBinding{Port: 80, HostPort: 8081})
	l.serve(a.NetNS, 80)
	l.serve(gone.NetNS, 80)
	record, err := json.Marshal(a.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	hold, err := unix.FcntlInt(a.Holds[0].Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Close(t.Context(), true); err != nil { // containers run: nothing goes
		t.Fatal(err)
	}
	l.reaches(l.outside, "tcp4", "198.51.100.1:8080", "198.51.100.2")

	var kept Endpoint
	if err := json.Unmarshal(record, &kept); err != nil {
		t.Fatal(err)
	}
	kept.Holds = []*os.File{os.NewFile(uintptr(hold), "hold")}
	second := l.open(Config{}, kept)
	l.reaches(l.outside, "tcp4", "198.51.100.1:8080", "198.51.100.2")
	l.isCutOff(l.outside, "tcp4", "198.51.100.1:8081")
	_, err = second.Connect(t.Context(), ConnectRequest{Name: "x", Ports: []PortBinding{{Port: 1, HostPort: 8080}}})
	if err == nil || !strings.HasSuffix(err.Error(), "port is already allocated") {
		t.Errorf("the restored port is not taken: %v", err)
	}
	if b := l.connect(second); b.Address == a.Address || b.Gateway != a.Gateway {
		t.Errorf("new container got %s via %s", b.Address, b.Gateway)
	}
	if x, y := first.List(), second.List(); x[0].ID != y[0].ID || y[0].IPAM.Subnet != x[0].IPAM.Subnet {
		t.Errorf("network changed over the restart: %+v, %+v", x[0], y[0])
	}
	if err := second.Disconnect(t.Context(), kept.EndpointID); err != nil {
		t.Fatal(err)
	}
	l.connect(second, PortBinding{Port: 1, HostPort: 8080})
}

func TestTwoDaemonsLiveSideBySide(t *testing.T) {
	l := newLab(t)
	s1, s2 := l.open(Config{Root: "/run/one"}), l.open(Config{Root: "/run/two"})
	a, b := l.connect(s1, PortBinding{Port: 80, HostPort: 8080}), l.connect(s2, PortBinding{Port: 80, HostPort: 8081})
	if s1.standard.bridge.name != "berth0" || s2.standard.bridge.name != ownName("/run/two") || a.Address.Overlaps(b.Address) {
		t.Errorf("%s %s and %s %s", s1.standard.bridge.name, a.Address, s2.standard.bridge.name, b.Address)
	}
	l.serve(a.NetNS, 80)
	l.serve(b.NetNS, 80)
	l.isCutOff(a.NetNS, "tcp4", b.Address.Addr().String()+":80")
	l.reaches(l.outside, "tcp4", "198.51.100.1:8080", "198.51.100.2")
	l.reaches(l.outside, "tcp4", "198.51.100.1:8081", "198.51.100.2")
	_, err := s2.Connect(t.Context(), ConnectRequest{Name: "x", Ports: []PortBinding{{Port: 1, HostPort: 8080}}})
	if err == nil || !strings.HasSuffix(err.Error(), "address already in use") {
		t.Errorf("the other daemon's port: %v", err)
	}
}

func TestNothingIsLeftBehindAfterClose(t *testing.T) {
	l := newLab(t)
	s := l.open(Config{Warm: 3})
	a := l.connect(s, PortBinding{Port: 80, HostPort: 8080}, PortBinding{Port: 80, Proto: "udp"})
	if err := s.Disconnect(t.Context(), a.EndpointID); err != nil {
		t.Fatal(err)
	}
	a.NetNS.Close()
	if err := s.Close(context.Background(), true); err != nil {
		t.Fatal(err)
	}
	l.eventually("the host is clean", l.traces)
	if _, err := s.Connect(t.Context(), ConnectRequest{}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("connect after close: %v", err)
	}
}

func TestABridgeOfTheUsersStays(t *testing.T) {
	l := newLab(t)
	l.in(l.host, func() error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = "mine"
		if err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: attrs}); err != nil {
			return err
		}
		return assign("mine", "172.31.5.1/24")
	})
	s := l.open(Config{Bridge: "mine"})
	a := l.connect(s)
	if a.Address.Masked().String() != "172.31.5.0/24" || a.Gateway.String() != "172.31.5.1" {
		t.Errorf("address %s via %s", a.Address, a.Gateway)
	}
	if err := s.Disconnect(t.Context(), a.EndpointID); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(context.Background(), true); err != nil {
		t.Fatal(err)
	}
	if left := l.traces(); !strings.Contains(left, "link mine") || strings.Contains(left, "table") {
		t.Errorf("left: %s", left)
	}
}

func TestManyContainersConnectAtOnceAndAllDiffer(t *testing.T) {
	l := newLab(t)
	s := l.open(Config{})
	got := make(chan *Attachment, 20)
	for i := range cap(got) {
		go func() {
			a, err := s.Connect(t.Context(), ConnectRequest{ID: fmt.Sprint(i), Ports: []PortBinding{{Port: 80}}})
			if err != nil {
				t.Error(err)
			}
			got <- a
		}()
	}
	var addresses, ports []string
	for range cap(got) {
		if a := <-got; a != nil {
			defer a.NetNS.Close()
			addresses, ports = append(addresses, a.Address.String()), append(ports, fmt.Sprint(a.Ports[0].HostPort))
		}
	}
	for _, list := range [][]string{addresses, ports} {
		slices.Sort(list)
		if len(slices.Compact(list)) != cap(got) {
			t.Errorf("not all differ: %v", list)
		}
	}
	if n, err := s.Inspect("bridge"); err != nil || len(n.Endpoints) != cap(got) {
		t.Errorf("inspect: %d endpoints, %v", len(n.Endpoints), err)
	}
}

func TestAUDPFlowFollowsThePortToTheNextContainer(t *testing.T) {
	l := newLab(t)
	s := l.open(Config{})
	port := PortBinding{Port: 80, HostPort: 8080, Proto: "udp"}
	var client net.Conn // one flow all the way
	l.in(l.outside, func() (err error) {
		client, err = net.Dial("udp4", "198.51.100.1:8080")
		return err
	})
	defer client.Close()
	for _, name := range []string{"first", "second"} {
		// The first goes on serving in its namespace, as a slow one might.
		a := l.connect(s, port)
		l.answer(a.NetNS, 80, name)
		l.eventually("the "+name+" container answers", func() string {
			_ = client.SetDeadline(time.Now().Add(silence))
			if _, err := client.Write([]byte("hello")); err != nil {
				return err.Error()
			}
			buf := make([]byte, 64)
			if n, err := client.Read(buf); err != nil || string(buf[:n]) != name {
				return fmt.Sprintf("%q, %v", buf[:n], err)
			}
			return ""
		})
		if err := s.Disconnect(t.Context(), a.EndpointID); err != nil {
			t.Fatal(err)
		}
	}
}

//go:build linux

package network

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"

	"berth/internal/linux/netns"
)

const (
	patience = 30 * time.Second       // for what must happen
	silence  = 300 * time.Millisecond // for what must not
)

// lab is a host in a namespace of its own with one neighbour, the outside
// world: host 198.51.100.1 -- 198.51.100.2 outside. The outside has a
// route to the containers' subnets through the host.
type lab struct {
	*testing.T
	host, outside *os.File
}

func newLab(t *testing.T) *lab {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("network namespaces need root")
	}
	files, routines := openFiles(t), runtime.NumGoroutine()
	l := &lab{T: t}
	l.outside = l.namespace(func(*os.File) error { return netns.Loopback() })
	l.host = l.namespace(func(*os.File) error {
		if err := netns.Loopback(); err != nil {
			return err
		}
		attrs := netlink.NewLinkAttrs()
		attrs.Name = "uplink"
		return netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "uplink", PeerNamespace: netlink.NsFd(l.outside.Fd())})
	})
	l.in(l.host, func() error { return assign("uplink", "198.51.100.1/24") })
	l.in(l.outside, func() error {
		if err := assign("uplink", "198.51.100.2/24"); err != nil {
			return err
		}
		return netlink.RouteAdd(&netlink.Route{
			Dst: netns.IPNet(netip.MustParsePrefix("172.16.0.0/12")), Gw: net.IPv4(198, 51, 100, 1),
		})
	})
	links, err := netns.OpenSocket(l.host)
	if err != nil {
		t.Fatal(err)
	}
	defer links.Close()
	if err := links.WaitUp("uplink"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.host.Close()
		l.outside.Close()
		l.eventually("descriptors and goroutines are as before", func() string {
			if n := openFiles(t); n > files {
				return fmt.Sprintf("%d descriptors instead of %d", n, files)
			}
			if n := runtime.NumGoroutine(); n > routines {
				return fmt.Sprintf("%d goroutines instead of %d", n, routines)
			}
			return ""
		})
	})
	return l
}

func (l *lab) namespace(setup func(*os.File) error) *os.File {
	l.Helper()
	ns, err := netns.New(setup)
	if err != nil {
		l.Fatal(err)
	}
	return ns
}

func (l *lab) in(ns *os.File, fn func() error) {
	l.Helper()
	if err := netns.Do(ns, fn); err != nil {
		l.Fatal(err)
	}
}

func assign(link, cidr string) error {
	dev, err := netlink.LinkByName(link)
	if err != nil {
		return err
	}
	if err := netlink.AddrAdd(dev, &netlink.Addr{IPNet: netns.IPNet(netip.MustParsePrefix(cidr))}); err != nil {
		return err
	}
	return netlink.LinkSetUp(dev)
}

// open starts a service whose host is the lab's, with nothing running.
func (l *lab) open(cfg Config, running ...Endpoint) *Service {
	l.Helper()
	if cfg.Root == "" {
		cfg.Root = "/run/berth-test"
	}
	if cfg.Warm == 0 {
		cfg.Warm = 1
	}
	var s *Service
	l.in(l.host, func() (err error) {
		s, err = Open(l.Context(), cfg)
		return err
	})
	l.Cleanup(func() { _ = s.Close(context.Background(), true) })
	if err := s.Restore(l.Context(), running); err != nil {
		l.Fatal(err)
	}
	return s
}

// connect attaches a container and closes its namespace at the end of the test.
func (l *lab) connect(s *Service, ports ...PortBinding) *Attachment {
	l.Helper()
	a, err := s.Connect(l.Context(), ConnectRequest{ID: strings.Repeat("c", 64), Name: "web", Ports: ports})
	if err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() { a.NetNS.Close() })
	return a
}

// serve answers every TCP connection and every UDP packet on port in ns with
// the caller's address as it was seen there.
func (l *lab) serve(ns *os.File, port int) {
	l.Helper()
	l.answer(ns, port, "")
	var tcp net.Listener
	l.in(ns, func() (err error) {
		tcp, err = net.Listen("tcp4", fmt.Sprintf(":%d", port))
		return err
	})
	l.Cleanup(func() { tcp.Close() })
	go func() {
		for {
			c, err := tcp.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(c, c.RemoteAddr().(*net.TCPAddr).IP)
			c.Close()
		}
	}()
}

// answer answers every UDP packet on port in ns with text, or with the caller's address.
func (l *lab) answer(ns *os.File, port int, text string) {
	l.Helper()
	var udp net.PacketConn
	l.in(ns, func() (err error) {
		udp, err = net.ListenPacket("udp4", fmt.Sprintf(":%d", port))
		return err
	})
	l.Cleanup(func() { udp.Close() })
	go func() {
		for buf := make([]byte, 64); ; {
			_, from, err := udp.ReadFrom(buf)
			if err != nil {
				return
			}
			reply := text
			if reply == "" {
				reply = from.(*net.UDPAddr).IP.String()
			}
			_, _ = udp.WriteTo([]byte(reply), from)
		}
	}()
}

// call asks a server from ns and returns what it answers.
func (l *lab) call(ns *os.File, network, target string, wait time.Duration) (string, error) {
	var conn net.Conn
	err := netns.Do(ns, func() (err error) {
		conn, err = net.DialTimeout(network, target, wait)
		return err
	})
	if err != nil {
		return "", err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(wait))
	if network == "udp4" {
		if _, err := conn.Write([]byte("hello")); err != nil {
			return "", err
		}
		buf := make([]byte, 64)
		n, err := conn.Read(buf)
		return string(buf[:n]), err
	}
	text, err := io.ReadAll(conn)
	return string(text), err
}

// reaches asserts that a call succeeds and that the server saw it coming from source.
func (l *lab) reaches(ns *os.File, network, target, source string) {
	l.Helper()
	got, err := l.call(ns, network, target, patience)
	if err != nil || got != source {
		l.Errorf("%s to %s: seen as %q (%v), want %q", network, target, got, err, source)
	}
}

func (l *lab) isCutOff(ns *os.File, network, target string) {
	l.Helper()
	if got, err := l.call(ns, network, target, silence); err == nil {
		l.Errorf("%s to %s gets through, seen as %s", network, target, got)
	}
}

// eventually waits until problem returns "".
func (l *lab) eventually(what string, problem func() string) {
	l.Helper()
	deadline := time.Now().Add(patience)
	for {
		p := problem()
		if p == "" {
			return
		}
		if time.Now().After(deadline) {
			l.Errorf("%s: %s", what, p)
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// traces lists what a service leaves on the lab's host.
func (l *lab) traces() string {
	var found []string
	l.in(l.host, func() error {
		links, err := netns.Dump(netlink.LinkList)
		if err != nil {
			return err
		}
		for _, link := range links {
			if n := link.Attrs().Name; n != "lo" && n != "uplink" {
				found = append(found, "link "+n)
			}
		}
		routes, err := netns.Dump(func() ([]netlink.Route, error) { return netlink.RouteList(nil, netlink.FAMILY_V4) })
		if err != nil {
			return err
		}
		for _, r := range routes {
			if r.Dst.String() != "198.51.100.0/24" {
				found = append(found, "route "+r.Dst.String())
			}
		}
		conn, err := nftables.New()
		if err != nil {
			return err
		}
		tables, err := conn.ListTables()
		for _, t := range tables {
			found = append(found, "table "+t.Name)
		}
		return err
	})
	return strings.Join(found, ", ")
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// route sends everything of the calling thread's namespace through gateway.
func route(gateway string) error {
	return netlink.RouteAdd(&netlink.Route{Gw: net.ParseIP(gateway)})
}

// hasMTU fails unless a link of the calling thread's namespace has that MTU.
func hasMTU(name string, mtu int) error {
	link, err := netlink.LinkByName(name)
	if err == nil && link.Attrs().MTU != mtu {
		err = fmt.Errorf("the MTU of %s is %d", name, link.Attrs().MTU)
	}
	return err
}

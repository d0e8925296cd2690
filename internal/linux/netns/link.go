//go:build linux

package netns

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	vns "github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Socket is a route netlink socket that stays bound to the namespace it was
// opened for, whatever thread uses it. Its methods may be called concurrently.
type Socket struct {
	mu      sync.Mutex
	sockets map[int]*nl.SocketHandle
}

// OpenSocket opens a socket in ns.
func OpenSocket(ns *os.File) (*Socket, error) {
	s, err := nl.GetNetlinkSocketAt(vns.NsHandle(ns.Fd()), vns.None(), unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open a netlink socket: %w", err)
	}
	return &Socket{sockets: map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: {Socket: s}}}, nil
}

// Close closes the socket.
func (s *Socket) Close() { s.sockets[unix.NETLINK_ROUTE].Close() }

func (s *Socket) request(kind, flags int) *nl.NetlinkRequest {
	r := nl.NewNetlinkRequest(kind, flags)
	r.Sockets = s.sockets
	return r
}

// Veth describes a pair of which one end is a port of a bridge in the
// socket's namespace and the other is the interface of a container.
type Veth struct {
	Host    string // name of the bridge port
	Bridge  int    // index of the bridge
	Peer    string // name of the end in NS
	NS      *os.File
	PeerMAC net.HardwareAddr
	MTU     int // bytes
}

// AddVeth makes the pair with one message: the peer is born in its namespace
// and the port is born on the bridge and up. Moving a finished link instead
// would wait 18-30 ms for an RCU grace period. The peer is left down, as the
// kernel refuses to bring it up before it has the other end.
func (s *Socket) AddVeth(v Veth) error {
	mtu := nl.Uint32Attr(uint32(v.MTU))
	req := s.request(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
	head := nl.NewIfInfomsg(unix.AF_UNSPEC)
	head.Flags, head.Change = unix.IFF_UP, unix.IFF_UP
	req.AddData(head)
	req.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(v.Host)))
	req.AddData(nl.NewRtAttr(unix.IFLA_MTU, mtu))
	req.AddData(nl.NewRtAttr(unix.IFLA_MASTER, nl.Uint32Attr(uint32(v.Bridge))))

	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated("veth"))
	peer := info.AddRtAttr(nl.IFLA_INFO_DATA, nil).AddRtAttr(nl.VETH_INFO_PEER, nil)
	nl.NewIfInfomsgChild(peer, unix.AF_UNSPEC)
	peer.AddRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(v.Peer))
	peer.AddRtAttr(unix.IFLA_MTU, mtu)
	peer.AddRtAttr(unix.IFLA_ADDRESS, v.PeerMAC)
	peer.AddRtAttr(unix.IFLA_NET_NS_FD, nl.Uint32Attr(uint32(v.NS.Fd())))
	req.AddData(info)

	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := req.Execute(unix.NETLINK_ROUTE, 0); err != nil {
		return fmt.Errorf("make the veth pair %s: %w", v.Host, err)
	}
	return nil
}

// Port is how a port of a bridge differs from one that was just made.
type Port struct {
	Hairpin  bool // the bridge may send a frame back out of the port that it came in by
	Isolated bool // no frame passes between it and other isolated ports
}

// SetPort changes a port of a bridge; a Port without anything asks nothing of the kernel.
func (s *Socket) SetPort(name string, p Port) error {
	if p == (Port{}) {
		return nil
	}
	index, err := s.index(name)
	if err != nil {
		return fmt.Errorf("find %s: %w", name, err)
	}
	req := s.request(unix.RTM_SETLINK, unix.NLM_F_ACK)
	head := nl.NewIfInfomsg(unix.AF_BRIDGE)
	head.Index = index
	req.AddData(head)
	info := nl.NewRtAttr(unix.IFLA_PROTINFO|unix.NLA_F_NESTED, nil)
	if p.Hairpin {
		info.AddRtAttr(nl.IFLA_BRPORT_MODE, []byte{1})
	}
	if p.Isolated {
		info.AddRtAttr(nl.IFLA_BRPORT_ISOLATED, []byte{1})
	}
	req.AddData(info)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := req.Execute(unix.NETLINK_ROUTE, 0); err != nil {
		return fmt.Errorf("change the bridge port %s: %w", name, err)
	}
	return nil
}

// DeleteLink removes a link, and with one end of a pair the other. One that is not there is no error.
func (s *Socket) DeleteLink(name string) error {
	req := s.request(unix.RTM_DELLINK, unix.NLM_F_ACK)
	req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	req.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)))
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := req.Execute(unix.NETLINK_ROUTE, 0); err != nil && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("remove the link %s: %w", name, err)
	}
	return nil
}

// HasLink reports whether a link of that name is in the socket's namespace.
func (s *Socket) HasLink(name string) bool {
	_, err := s.get(name)
	return err == nil
}

// WaitUp waits until a link that is up and has just got its carrier passes
// packets. The kernel sees to that in deferred work (linkwatch, which may take a
// second), and until then drops what is sent through the link without a word; the
// question alone makes newer kernels do it at once. The wait ends after 100 ms
// without an error: what remains is the first packet's retransmission.
func (s *Socket) WaitUp(name string) error {
	for range 100 {
		link, err := s.get(name)
		if err != nil {
			return fmt.Errorf("find %s: %w", name, err)
		}
		if link.Attrs().OperState == netlink.OperUp {
			break
		}
		time.Sleep(time.Millisecond)
	}
	return nil
}

func (s *Socket) index(name string) (int32, error) {
	link, err := s.get(name)
	if err != nil {
		return 0, err
	}
	return int32(link.Attrs().Index), nil
}

func (s *Socket) get(name string) (netlink.Link, error) {
	req := s.request(unix.RTM_GETLINK, 0)
	req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	req.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)))
	s.mu.Lock()
	defer s.mu.Unlock()
	answers, err := req.Execute(unix.NETLINK_ROUTE, 0)
	if err != nil {
		return nil, err
	}
	if len(answers) != 1 {
		return nil, unix.ENODEV
	}
	return netlink.LinkDeserialize(nil, answers[0])
}

// Loopback brings lo up in the calling thread's namespace.
func Loopback() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find lo: %w", err)
	}
	return netlink.LinkSetUp(lo)
}

// Configure gives the named link of the calling thread's namespace its
// address, brings it up, and routes everything else through gateway, if there is one.
func Configure(name string, address netip.Prefix, gateway netip.Addr) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("find %s: %w", name, err)
	}
	if err := netlink.AddrAdd(link, &netlink.Addr{IPNet: IPNet(address)}); err != nil {
		return fmt.Errorf("give %s the address %s: %w", name, address, err)
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("bring %s up: %w", name, err)
	}
	if !gateway.IsValid() {
		return nil
	}
	route := &netlink.Route{LinkIndex: link.Attrs().Index, Gw: gateway.AsSlice()}
	if err := netlink.RouteAdd(route); err != nil {
		return fmt.Errorf("route through %s: %w", gateway, err)
	}
	return nil
}

// Lead replaces the default route of the calling thread's namespace; it leaves one that is right.
func Lead(gateway netip.Addr) error {
	all := netlink.Route{Dst: IPNet(netip.PrefixFrom(netip.IPv4Unspecified(), 0)), Gw: gateway.AsSlice()}
	if err := netlink.RouteReplace(&all); err != nil {
		return fmt.Errorf("route through %s: %w", gateway, err)
	}
	return nil
}

// IPNet returns p in the form of package net, with p's host bits kept.
func IPNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// Sysctl writes a value under /proc/sys/net in the calling thread's
// namespace. A kernel that does not have the setting is no error.
func Sysctl(name, value string) error {
	f, err := os.OpenFile("/proc/sys/net/"+name, os.O_WRONLY|unix.O_CLOEXEC, 0)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("set net/%s: %w", name, err)
	}
	defer f.Close()
	if _, err := f.WriteString(value); err != nil {
		return fmt.Errorf("set net/%s to %q: %w", name, value, err)
	}
	return nil
}

// SetMAC changes the hardware address of the named link of the calling thread's namespace.
func SetMAC(name string, mac net.HardwareAddr) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	return netlink.LinkSetHardwareAddr(link, mac)
}

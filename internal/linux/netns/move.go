//go:build linux

package netns

import (
	"fmt"
	"net"
	"os"
	"strings"
	"unicode"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	vns "github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// Move takes a network device out of the namespace of the calling thread into
// ns and gives it a name there ("" leaves it its own). As the runtime
// specification has it, the device keeps its permanent addresses of global
// scope and is up afterwards; routes are the business of whoever asked. A device
// that is physical comes back by itself when the namespace ends.
func Move(ns *os.File, name, as string) error {
	if as == "" {
		as = name
	}
	link, err := netlink.LinkByName(name)
	if err != nil {
		return fault.Wrap(fault.NotFound, err, "network device %q cannot be found", name)
	}
	inside, err := netlink.NewHandleAt(vns.NsHandle(ns.Fd()), unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer inside.Close()
	// The kernel would move the device first and find out then.
	if _, err := inside.LinkByName(as); err == nil {
		return fault.New(fault.Conflict, "network device %q cannot be moved as %q: there is one of that name", name, as)
	}
	addresses, err := Dump(func() ([]netlink.Addr, error) { return netlink.AddrList(link, netlink.FAMILY_ALL) })
	if err != nil {
		return fmt.Errorf("the addresses of network device %q cannot be listed: %w", name, err)
	}
	if err := netlink.LinkSetDown(link); err != nil {
		return fmt.Errorf("network device %q cannot be set down: %w", name, err)
	}
	if err := push(link.Attrs().Index, ns, as); err != nil {
		if link.Attrs().Flags&net.FlagUp != 0 {
			_ = netlink.LinkSetUp(link) // as it was
		}
		return fmt.Errorf("network device %q cannot be moved as %q: %w", name, as, err)
	}
	return settle(inside, as, addresses)
}

// push moves and renames with one message, so that no name of the one
// namespace is in the way in the other.
func push(index int, ns *os.File, as string) error {
	r := nl.NewNetlinkRequest(unix.RTM_NEWLINK, unix.NLM_F_ACK)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(index)
	r.AddData(msg)
	r.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(as)))
	r.AddData(nl.NewRtAttr(unix.IFLA_NET_NS_FD, nl.Uint32Attr(uint32(ns.Fd()))))
	_, err := r.Execute(unix.NETLINK_ROUTE, 0)
	return err
}

// settle gives a device its addresses back, which the kernel took when it moved, and sets it up.
func settle(inside *netlink.Handle, name string, addresses []netlink.Addr) error {
	link, err := inside.LinkByName(name)
	if err != nil {
		return fmt.Errorf("network device %q cannot be found where it has been moved: %w", name, err)
	}
	for _, a := range addresses {
		if a.Scope != unix.RT_SCOPE_UNIVERSE || a.Flags&unix.IFA_F_PERMANENT == 0 {
			continue
		}
		again := netlink.Addr{IPNet: a.IPNet, Peer: a.Peer, Broadcast: a.Broadcast}
		if err := inside.AddrAdd(link, &again); err != nil {
			return fmt.Errorf("network device %q cannot have its address %s: %w", name, a.IPNet, err)
		}
	}
	if err := inside.LinkSetUp(link); err != nil {
		return fmt.Errorf("network device %q cannot be set up: %w", name, err)
	}
	return nil
}

// ValidName reports whether the kernel takes a name for a network device.
func ValidName(name string) bool {
	if name == "" || len(name) >= unix.IFNAMSIZ || name == "." || name == ".." {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool { return r == '/' || r == ':' || unicode.IsSpace(r) })
}

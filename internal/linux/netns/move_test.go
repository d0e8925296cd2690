//go:build linux

package netns_test

import (
	"net"
	"os"
	"testing"

	"github.com/vishvananda/netlink"

	"berth/internal/fault"
	"berth/internal/linux/netns"
)

// inNew runs fn in a new network namespace and returns the namespace.
func inNew(t *testing.T, fn func() error) *os.File {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	ns, err := netns.New(func(*os.File) error { return fn() })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
	return ns
}

func TestADeviceMovesWithItsAddressesUnderANewName(t *testing.T) {
	inside := inNew(t, netns.Loopback)
	inNew(t, func() error {
		device := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "moves0", MTU: 1400, HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 7}}, PeerName: "stays0"}
		if err := netlink.LinkAdd(device); err != nil {
			return err
		}
		for _, a := range []string{"198.51.100.7/24", "2001:db8::7/64"} {
			addr, err := netlink.ParseAddr(a)
			if err != nil {
				return err
			}
			if err := netlink.AddrAdd(device, addr); err != nil {
				return err
			}
		}
		if err := netns.Move(inside, "nothere0", ""); !fault.Is(err, fault.NotFound) {
			t.Error(err)
		}
		if err := netns.Move(inside, "moves0", "lo"); err == nil {
			t.Error("there is a device of that name already")
		}
		return netns.Move(inside, "moves0", "eth7")
	})
	err := netns.Do(inside, func() error {
		link, err := netlink.LinkByName("eth7")
		if err != nil {
			return err
		}
		attrs := link.Attrs()
		if attrs.Flags&net.FlagUp == 0 || attrs.MTU != 1400 || attrs.HardwareAddr.String() != "02:00:00:00:00:07" {
			t.Errorf("%+v", attrs)
		}
		addrs, err := netlink.AddrList(link, netlink.FAMILY_ALL)
		got := map[string]bool{}
		for _, a := range addrs {
			got[a.IPNet.String()] = true
		}
		if !got["198.51.100.7/24"] || !got["2001:db8::7/64"] {
			t.Errorf("%v", addrs)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestNamesOfDevices(t *testing.T) {
	for name, want := range map[string]bool{"eth0": true, "": false, "..": false, "a/b": false, "a:b": false, "a b": false, "fifteen-letters": true, "sixteen--letters": false} {
		if netns.ValidName(name) != want {
			t.Errorf("%q", name)
		}
	}
}

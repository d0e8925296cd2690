//go:build linux

package netns

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Announce tells the neighbours of a link of the calling thread's namespace which hardware address has an
// IPv4 address now (RFC 5227, 3): who knew the address's last owner would go on calling that.
func Announce(name string, mac net.HardwareAddr, ip netip.Addr) error {
	link, err := net.InterfaceByName(name)
	if err != nil {
		return fmt.Errorf("find %s: %w", name, err)
	}
	protocol := binary.BigEndian.AppendUint16(nil, unix.ETH_P_ARP)
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open a socket for ARP: %w", err)
	}
	defer unix.Close(fd)
	const ethernet, request = 1, 1
	packet := binary.BigEndian.AppendUint16(nil, ethernet)
	packet = binary.BigEndian.AppendUint16(packet, unix.ETH_P_IP)
	packet = append(packet, byte(len(mac)), 4)
	packet = binary.BigEndian.AppendUint16(packet, request)
	packet = append(append(packet, mac...), ip.AsSlice()...)
	packet = append(append(packet, make([]byte, len(mac))...), ip.AsSlice()...)
	to := unix.SockaddrLinklayer{Protocol: binary.NativeEndian.Uint16(protocol), Ifindex: link.Index, Halen: 6, Addr: [8]byte{255, 255, 255, 255, 255, 255}}
	if err := unix.Sendto(fd, packet, 0, &to); err != nil {
		return fmt.Errorf("announce %s on %s: %w", ip, name, err)
	}
	return nil
}

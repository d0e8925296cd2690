package show

import (
	"cmp"
	"net/netip"
	"strconv"

	wire "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"

	"berth/internal/container"
	"berth/internal/container/config"
)

// wirePort returns number/proto as the wire knows it; a protocol is always there.
func wirePort(num uint16, proto string) network.Port {
	p, _ := network.PortFrom(num, network.IPProtocol(cmp.Or(proto, "tcp")))
	return p
}

// portMap shows bindings as inspect does. An unset address reads 0.0.0.0 once bound.
func portMap(bindings []config.PortBinding, bound bool) network.PortMap {
	m := network.PortMap{}
	for _, b := range bindings {
		ip, port := b.HostIP, ""
		if bound && !ip.IsValid() {
			ip = netip.IPv4Unspecified()
		}
		if b.HostPort != 0 {
			port = strconv.Itoa(int(b.HostPort))
		}
		if b.HostPortEnd > b.HostPort {
			port += "-" + strconv.Itoa(int(b.HostPortEnd))
		}
		key := wirePort(b.Port, b.Proto)
		m[key] = append(m[key], network.PortBinding{HostIP: ip, HostPort: port})
	}
	return m
}

// Ports shows a container's ports as list does: published ones with their
// host port, then those that are only exposed.
func Ports(c *container.Container) []wire.PortSummary {
	out := []wire.PortSummary{}
	published := map[network.Port]bool{}
	for _, b := range c.Published() {
		ip := b.HostIP
		if !ip.IsValid() {
			ip = netip.IPv4Unspecified()
		}
		published[wirePort(b.Port, b.Proto)] = true
		out = append(out, wire.PortSummary{IP: ip, PrivatePort: b.Port, PublicPort: b.HostPort, Type: cmp.Or(b.Proto, "tcp")})
	}
	if !c.State.Up() {
		return out // Docker shows ports only while they are held
	}
	for _, word := range c.Config.ExposedPorts {
		port, err := network.ParsePort(word)
		if err == nil && !published[port] {
			out = append(out, wire.PortSummary{PrivatePort: port.Num(), Type: string(port.Proto())})
		}
	}
	return out
}

package server

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"berth/internal/container"
	"berth/internal/fault"

	wire "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
)

// checkPort refuses ports without a number and protocols that do not exist.
func checkPort(p network.Port) error {
	switch p.Proto() {
	case network.TCP, network.UDP, network.SCTP:
	default:
		return fault.New(fault.Invalid, "invalid port specification: %q", p.String())
	}
	if p.Num() == 0 {
		return fault.New(fault.Invalid, "invalid port specification: %q", p.String())
	}
	return nil
}

// takePorts moves the published ports, in order of their numbers.
func takePorts(from *wire.HostConfig, to *container.HostConfig) error {
	for port, bindings := range take(&from.PortBindings) {
		if err := checkPort(port); err != nil {
			return err
		}
		if port.Proto() == network.SCTP {
			return fault.New(fault.Unsupported, "HostConfig.PortBindings with protocol sctp is not supported yet")
		}
		if len(bindings) == 0 {
			bindings = []network.PortBinding{{}} // Docker takes an empty list for "any host port"
		}
		for _, b := range bindings {
			host, err := hostPort(b.HostPort)
			if err != nil {
				return err
			}
			to.PortBindings = append(to.PortBindings, container.PortBinding{
				Port: port.Num(), Proto: string(port.Proto()), HostIP: b.HostIP, HostPort: host,
			})
		}
	}
	slices.SortStableFunc(to.PortBindings, func(a, b container.PortBinding) int {
		return cmp.Or(cmp.Compare(a.Port, b.Port), cmp.Compare(a.Proto, b.Proto))
	})
	return nil
}

// hostPort reads a host port: empty and 0 mean any.
func hostPort(word string) (uint16, error) {
	if word == "" {
		return 0, nil
	}
	if low, high, ok := strings.Cut(word, "-"); ok && low != high {
		if _, err := network.ParsePortRange(word); err == nil {
			return 0, fault.New(fault.Unsupported, "HostConfig.PortBindings with a range of host ports (%s) is not supported yet", word)
		}
		return 0, fault.New(fault.Invalid, "invalid port specification: %q", word)
	} else if ok {
		word = low
	}
	n, err := strconv.ParseUint(word, 10, 16)
	if err != nil {
		return 0, fault.New(fault.Invalid, "invalid port specification: %q", word)
	}
	return uint16(n), nil
}

// wirePort returns number/proto as the wire knows it; a protocol is always there.
func wirePort(num uint16, proto string) network.Port {
	p, _ := network.PortFrom(num, network.IPProtocol(cmp.Or(proto, "tcp")))
	return p
}

// portMap shows bindings as inspect does. An unset address reads 0.0.0.0 once bound.
func portMap(bindings []container.PortBinding, bound bool) network.PortMap {
	m := network.PortMap{}
	for _, b := range bindings {
		ip, port := b.HostIP, ""
		if bound && !ip.IsValid() {
			ip = netip.IPv4Unspecified()
		}
		if b.HostPort != 0 {
			port = strconv.Itoa(int(b.HostPort))
		}
		key := wirePort(b.Port, b.Proto)
		m[key] = append(m[key], network.PortBinding{HostIP: ip, HostPort: port})
	}
	return m
}

// portSummaries shows a container's ports as list does: published ones with their
// host port, then those that are only exposed.
func portSummaries(c *container.Container) []wire.PortSummary {
	out := []wire.PortSummary{}
	published := map[network.Port]bool{}
	for _, b := range c.Endpoint.Ports {
		ip := b.HostIP
		if !ip.IsValid() {
			ip = netip.IPv4Unspecified()
		}
		published[wirePort(b.Port, b.Proto)] = true
		out = append(out, wire.PortSummary{IP: ip, PrivatePort: b.Port, PublicPort: b.HostPort, Type: cmp.Or(b.Proto, "tcp")})
	}
	if c.State != container.Running {
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

//go:build linux

// Package network connects containers: namespaces, addresses, NAT and
// published ports of the predefined networks.
//
// What a container needs is got ready beforehand. A pool in the background
// holds network namespaces that already have their veth pair, address and
// routes, so that a hand-out is a receive from a channel; the only work left
// at the start of a container is one nftables transaction, and that only when
// it publishes ports. Pooled namespaces are held by descriptors alone and
// vanish with the daemon.
//
// Everything else lives in the kernel: the bridge (marked as ours by its
// alias) and one nftables table. Traffic therefore keeps flowing while no
// daemon runs, and Restore puts a new daemon in command of it.
package network

import (
	"net/netip"
	"os"
)

// PortBinding publishes one port of a container on the host.
type PortBinding struct {
	Port     uint16     // in the container, 1-65535
	Proto    string     // "tcp", "udp" or "sctp"; "" means tcp
	HostIP   netip.Addr // zero value: every IPv4 address of the host
	HostPort uint16     // 0: an ephemeral port of ip_local_port_range
	// HostPortEnd, when above HostPort, lets the engine choose the first free
	// port of the range HostPort-HostPortEnd. Zero in a bound binding.
	HostPortEnd uint16 `json:",omitempty"`
}

// ConnectRequest asks for an endpoint on the default bridge.
type ConnectRequest struct {
	ID       string // container ID
	Name     string // container name without slash, for error texts
	Hostname string
	Ports    []PortBinding
	MAC      string // "" = chosen at random
	Place    *Place // where; nil takes any. It is taken when Connect succeeds, and only then
}

// Endpoint is a container's place on a network. It survives encoding to JSON,
// so that the container service can store it and pass it to Restore.
type Endpoint struct {
	EndpointID  string // 64 hexadecimal digits
	NetworkID   string // 64 hexadecimal digits
	ContainerID string
	Name        string
	Address     netip.Prefix // the container's address with the network's length
	Gateway     netip.Addr
	MAC         string
	HostLink    string        // name of the bridge port in the host's namespace
	Ports       []PortBinding // bound: host addresses and ports filled in
	// Holds are the sockets that keep the host ports taken, one a port in the
	// order of Ports (nil for sctp). They belong to the Service until
	// Disconnect. Whoever must keep the ports over a restart of the daemon
	// holds duplicates, and closes them before Disconnect so that the port
	// is free for the next container. Restore takes such sockets over.
	Holds []*os.File `json:"-"`
}

// Attachment is an endpoint with the namespace it lives in.
type Attachment struct {
	Endpoint
	// NetNS is the ready namespace: lo and eth0 are up and have their
	// addresses and routes. Close-on-exec; the caller closes it.
	NetNS *os.File
}

// Network describes one of the predefined networks.
type Network struct {
	ID        string // 64 hexadecimal digits, the same for the life of the exec root
	Name      string
	Driver    string
	Scope     string       // "local"
	Subnet    netip.Prefix // zero for none and host
	Gateway   netip.Addr
	Options   map[string]string
	Endpoints []Endpoint // on the bridge only; sorted by container ID
}

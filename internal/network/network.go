//go:build linux

// Package network connects containers: namespaces, addresses, NAT and
// published ports.
//
// What a container needs is got ready beforehand. A pool in the background
// holds network namespaces that already have their veth pair, address and
// routes on the default bridge, so that a hand-out is a receive from a channel; the only work left
// at the start of a container is one nftables transaction, and that only when
// it publishes ports. Pooled namespaces are held by descriptors alone and
// vanish with the daemon.
//
// Everything else lives in the kernel: the bridges (marked as ours by their
// aliases) and one nftables table. Traffic therefore keeps flowing while no
// daemon runs, and Restore puts a new daemon in command of it. What networks
// users have made stands in the state.
package network

import (
	"net/netip"
	"os"

	"berth/internal/network/definition"
	"berth/internal/network/port"
)

// Default is the name of the network of containers that name none.
const Default = "bridge"

// PortBinding publishes one port of a container on the host.
type PortBinding = port.Binding

// ConnectRequest asks for an endpoint on a network.
type ConnectRequest struct {
	Network  string // name or ID; "" is the default bridge
	ID       string // container ID
	Name     string // container name without slash, for error texts
	Hostname string
	Ports    []PortBinding
	MAC      string     // "" = chosen at random
	Address  netip.Addr // zero: any of the network's
	Place    *Place     // where, on the default bridge; nil takes any. It is taken when Connect succeeds, and only then
	Into     *os.File   // the namespace of a container that is to be on this network too; nil makes one
	Link     int        // which of the container's interfaces it is: 0 for eth0
	Beside   bool       // the way out is by another network
}

// Endpoint is a container's place on a network. It survives encoding to JSON,
// so that the container service can store it and pass it to Restore.
type Endpoint struct {
	EndpointID  string // 64 hexadecimal digits
	NetworkID   string // 64 hexadecimal digits
	Network     string // the network's name
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
	// NetNS is the ready namespace: lo and the interface are up and have their
	// addresses and routes. Close-on-exec; the caller closes it. Nil when the
	// caller brought its own.
	NetNS *os.File
}

// Network describes a network as it is.
type Network struct {
	definition.Definition
	Scope     string // "local"
	Endpoints []Endpoint
}

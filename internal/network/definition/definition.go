// Package definition is what a network is asked to be, and what becomes of it:
// defaults are filled in, contradictions refused, and nothing is touched.
package definition

import (
	"net/netip"
	"time"
)

// Definition is a network as it is written down. Its maps and slices are not changed.
type Definition struct {
	ID         string // 64 hexadecimal digits
	Name       string
	Created    time.Time
	Driver     string // "bridge"
	Internal   bool
	Attachable bool
	IPAM       IPAM
	Options    map[string]string // of the driver, as given
	Labels     map[string]string
}

// IPAM is where a network's addresses come from.
type IPAM struct {
	Driver  string // "default"
	Options map[string]string
	Subnet  netip.Prefix
	Asked   bool                  // the user chose the subnet
	Gateway netip.Addr            // the bridge's address
	Range   netip.Prefix          // where addresses are chosen from; zero for all of the subnet
	Aux     map[string]netip.Addr // addresses that are somebody else's, by name
}

// Request is what a user asks for.
type Request struct {
	Name       string
	Driver     string // "" for the bridge
	Internal   bool
	Attachable bool
	IPAM       IPAMRequest
	Options    map[string]string
	Labels     map[string]string
}

// IPAMRequest is what a user says of a network's addresses; all of it may be empty.
type IPAMRequest struct {
	Driver  string
	Options map[string]string
	Config  []Pool
}

// Pool is one subnet that a user asks for.
type Pool struct {
	Subnet  netip.Prefix
	Range   netip.Prefix
	Gateway netip.Addr
	Aux     map[string]netip.Addr
}

// The options of the bridge driver, as Docker names them.
const (
	BridgeName   = "com.docker.network.bridge.name"
	ICC          = "com.docker.network.bridge.enable_icc"
	Masquerade   = "com.docker.network.bridge.enable_ip_masquerade"
	HostBinding  = "com.docker.network.bridge.host_binding_ipv4"
	DefaultLink  = "com.docker.network.bridge.default_bridge"
	MTU          = "com.docker.network.driver.mtu"
	LinkPrefix   = "com.docker.network.container_iface_prefix"
	GatewayMode  = "com.docker.network.bridge.gateway_mode_ipv4"
	dockerPrefix = "com.docker.network."
)

// Bridge is what the options of a bridge network say.
type Bridge struct {
	Name        string // of the link
	Isolated    bool   // containers cannot talk to each other
	Masquerade  bool
	HostBinding netip.Addr // where ports are published that name no address; zero for everywhere
	MTU         int        // bytes; 0 for the daemon's
	LinkPrefix  string     // what the names of containers' links begin with
}

package show

import (
	"net"
	"net/netip"

	"berth/internal/container"
	store "berth/internal/network"

	"github.com/moby/moby/api/types/network"
)

// Network is a network as lists show it.
func Network(n store.Network) network.Network {
	out := network.Network{
		Name: n.Name, ID: n.ID, Created: n.Created, Scope: n.Scope, Driver: n.Driver, EnableIPv4: true,
		IPAM:     network.IPAM{Driver: n.IPAM.Driver, Options: n.IPAM.Options, Config: []network.IPAMConfig{}},
		Internal: n.Internal, Attachable: n.Attachable, Options: n.Options, Labels: n.Labels,
	}
	if n.IPAM.Subnet.IsValid() {
		out.IPAM.Config = append(out.IPAM.Config, network.IPAMConfig{Subnet: n.IPAM.Subnet, IPRange: n.IPAM.Range, Gateway: n.IPAM.Gateway, AuxAddress: n.IPAM.Aux})
	}
	if out.Options == nil {
		out.Options = map[string]string{}
	}
	if out.Labels == nil {
		out.Labels = map[string]string{}
	}
	return out
}

// NetworkInspect is a network with the containers that run on it; those on host and none have no endpoint.
func NetworkInspect(n store.Network, all []container.Container) network.Inspect {
	out := network.Inspect{Network: Network(n), Containers: map[string]network.EndpointResource{}}
	for i := range all {
		c := &all[i]
		if !c.State.Up() {
			continue
		}
		for _, e := range c.Endpoints {
			if e.NetworkID != n.ID && (e.NetworkID != "" || e.Network != n.Name) {
				continue
			}
			r := network.EndpointResource{Name: c.Name, EndpointID: e.EndpointID, IPv4Address: e.Address, IPv6Address: netip.Prefix{}}
			if mac, err := net.ParseMAC(e.MAC); err == nil {
				r.MacAddress = network.HardwareAddr(mac)
			}
			out.Containers[c.ID] = r
		}
	}
	return out
}

package daemon

import (
	"context"
	"net/netip"
	"os"

	"berth/internal/container"
	"berth/internal/container/config"
	"berth/internal/container/notice"
	"berth/internal/event"
	"berth/internal/fault"
	"berth/internal/network"
	"berth/internal/network/definition"
)

// networks shows the network service as the containers and the border see it, and tells of
// what happens to networks.
type networks struct {
	*network.Service
	publish func(event.Message)
}

// Create makes a network.
func (a networks) Create(ctx context.Context, r definition.Request) (network.Network, error) {
	n, err := a.Service.Create(ctx, r)
	if err == nil {
		a.publish(notice.NetworkItself(n.ID, n.Name, n.Driver, event.Create))
	}
	return n, err
}

// Remove removes a network.
func (a networks) Remove(ctx context.Context, ref string) error {
	n, err := a.Service.Remove(ctx, ref)
	if err == nil {
		a.publish(notice.NetworkItself(n.ID, n.Name, n.Driver, event.Destroy))
	}
	return err
}

// Prune removes the networks that match and that no container has. When ctx ends it has removed some of them.
func (a networks) Prune(ctx context.Context, matches func(network.Network) bool) (names []string, err error) {
	for _, n := range a.List() {
		if err = ctx.Err(); err != nil {
			break
		}
		if definition.Predefined(n.Name) || len(n.Endpoints) > 0 || !matches(n) {
			continue
		}
		switch err := a.Remove(ctx, n.ID); {
		case err == nil:
			names = append(names, n.Name)
		case !fault.Is(err, fault.Forbidden) && !fault.Is(err, fault.NotFound): // a container was faster, or a client
			return names, err
		}
	}
	a.publish(notice.Pruned(event.Network, 0))
	return names, fault.As(fault.Cancelled, err)
}

// Connect gives a container an endpoint.
func (a networks) Connect(ctx context.Context, c container.Container, w container.Wish) (*container.Connection, error) {
	req := network.ConnectRequest{
		Network: w.Network, ID: c.ID, Name: c.Name, Hostname: c.Config.Hostname, MAC: w.MAC, Address: w.IPv4,
		Into: w.Into, Link: w.Link, Beside: w.Beside,
	}
	if p, ok := w.At.(place); ok {
		req.Place = p.Place
	}
	for _, p := range w.Ports {
		req.Ports = append(req.Ports, network.PortBinding(p))
	}
	got, err := a.Service.Connect(ctx, req)
	if err != nil {
		return nil, err
	}
	e := container.Endpoint{
		Network: got.Network, NetworkID: got.NetworkID, EndpointID: got.EndpointID, Address: got.Address,
		Gateway: got.Gateway, MAC: got.MAC, HostLink: got.HostLink,
	}
	for _, p := range got.Ports {
		e.Ports = append(e.Ports, config.PortBinding(p))
	}
	return &container.Connection{ID: c.ID, Name: c.Name, NetNS: got.NetNS, Holds: got.Holds, Endpoints: []container.Endpoint{e}}, nil
}

// Find tells what a network's name or ID stands for.
func (a networks) Find(ref string) (id, name string, leadsOut bool, err error) {
	n, err := a.Inspect(ref)
	return n.ID, n.Name, n.Driver == "bridge" && !n.Internal, err
}

// Lead makes an endpoint the way out of a container.
func (a networks) Lead(ns *os.File, ep container.Endpoint) error {
	return a.Service.Lead(ns, ep.Gateway)
}

// Reserve takes a place on the bridge for a container to come.
func (a networks) Reserve(ctx context.Context) (container.Place, error) {
	p, err := a.Service.Reserve(ctx)
	if err != nil {
		return nil, err // and not a nil of another type
	}
	return place{p}, nil
}

// place shows a place on the bridge as the containers see it.
type place struct{ *network.Place }

func (p place) Endpoint() container.Endpoint {
	e := p.Place.Endpoint()
	return container.Endpoint{Network: "bridge", Address: e.Address, Gateway: e.Gateway, MAC: e.MAC, HostLink: e.HostLink}
}

// ConnectNone gives a container a network namespace with nothing but lo.
func (a networks) ConnectNone(ctx context.Context) (*os.File, error) {
	return a.Service.ConnectNone(ctx)
}

// Disconnect gives an endpoint back.
func (a networks) Disconnect(ctx context.Context, ep container.Endpoint) error {
	return a.Service.Disconnect(ctx, ep.EndpointID)
}

// Unplug gives back the endpoint of a container that goes on running.
func (a networks) Unplug(ctx context.Context, ep container.Endpoint) error {
	return a.Service.Unplug(ctx, ep.EndpointID)
}

// Restore takes over the endpoints of the containers that still run.
func (a networks) Restore(ctx context.Context, running []container.Connection) error {
	eps := make([]network.Endpoint, 0, len(running))
	for _, r := range running {
		for _, from := range r.Endpoints {
			if !from.Address.IsValid() {
				continue
			}
			e := network.Endpoint{
				EndpointID: from.EndpointID, NetworkID: from.NetworkID, Network: from.Network, ContainerID: r.ID, Name: r.Name,
				Address: from.Address, Gateway: from.Gateway, MAC: from.MAC, HostLink: from.HostLink,
			}
			for _, p := range from.Ports {
				e.Ports = append(e.Ports, network.PortBinding(p))
			}
			if len(e.Ports) > 0 { // one of them has all
				e.Holds = r.Holds
			}
			eps = append(eps, e)
		}
	}
	return a.Service.Restore(ctx, eps)
}

// ResolvConf is a container's /etc/resolv.conf: the host's own file for who
// shares the host's network, else one that works from the bridge.
func (a networks) ResolvConf(hc config.HostConfig) ([]byte, error) {
	host, err := network.HostResolvConf()
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "the host's resolv.conf cannot be read")
	}
	own := len(hc.DNS)+len(hc.DNSSearch)+len(hc.DNSOptions) > 0
	if hc.NetworkMode == "host" && !own {
		return host, nil
	}
	var servers []string
	for _, a := range hc.DNS {
		servers = append(servers, a.String())
	}
	return network.ResolvConf(host, network.Resolver{Servers: servers, Search: hc.DNSSearch, Options: hc.DNSOptions}), nil
}

// Hosts is a container's /etc/hosts: the host's own for who shares its network.
func (a networks) Hosts(hc config.HostConfig, on []container.Endpoint, names ...string) ([]byte, error) {
	if hc.NetworkMode == "host" && len(hc.ExtraHosts) == 0 {
		b, err := os.ReadFile("/etc/hosts")
		return b, fault.Wrap(fault.Internal, err, "the host's /etc/hosts cannot be read")
	}
	var own []netip.Addr
	var gateway netip.Addr
	for _, e := range on {
		if e.Address.IsValid() {
			own = append(own, e.Address.Addr())
		}
		if !gateway.IsValid() {
			gateway = e.Gateway
		}
	}
	return network.Hosts(hc.ExtraHosts, gateway, own, names...), nil
}

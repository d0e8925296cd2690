package daemon

import (
	"context"
	"net/netip"
	"os"
	"slices"

	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"

	"berth/internal/container"
	"berth/internal/container/config"
	"berth/internal/container/health"
	"berth/internal/fault"
	"berth/internal/image"
	"berth/internal/network"
)

// images shows the image service as the containers see it.
type images struct {
	*image.Service
	space image.Space
}

// Resolve finds an image and takes from it what a container needs.
func (a images) Resolve(ctx context.Context, ref, platform string) (config.Image, error) {
	img, err := a.Get(ctx, ref)
	if err != nil {
		return config.Image{}, err
	}
	if platform != "" {
		if err := matches(img, platform); err != nil {
			return config.Image{}, err
		}
	}
	a.space.Use(img.ID) // and before the container is there nobody evicts it
	c := img.Config.Config
	out := config.Image{
		ID: img.ID.String(), Env: c.Env, Cmd: c.Cmd, Entrypoint: c.Entrypoint, User: c.User,
		WorkingDir: c.WorkingDir, Labels: c.Labels, StopSignal: c.StopSignal, Shell: c.Shell,
	}
	if h := c.Healthcheck; h != nil {
		out.Healthcheck = &health.Check{Test: h.Test, Interval: h.Interval, Timeout: h.Timeout, StartPeriod: h.StartPeriod, StartInterval: h.StartInterval, Retries: h.Retries}
	}
	for port := range c.ExposedPorts {
		out.ExposedPorts = append(out.ExposedPorts, port)
	}
	for target := range c.Volumes {
		out.Volumes = append(out.Volumes, target)
	}
	slices.Sort(out.ExposedPorts)
	slices.Sort(out.Volumes)
	return out, nil
}

// matches refuses an image that is not for the platform that the user named.
func matches(img image.Image, platform string) error {
	want, err := platforms.Parse(platform)
	if err != nil {
		return fault.New(fault.Invalid, "%s", err)
	}
	if !platforms.NewMatcher(want).Match(platforms.Normalize(img.Platform)) {
		return fault.New(fault.NotFound, "image with reference %s was found but does not provide the specified platform (%s)", img.ID, platform)
	}
	return nil
}

// Layers returns the image's lower directories, the top-most first.
func (a images) Layers(ctx context.Context, id string) ([]string, error) {
	a.space.Use(digest.Digest(id))
	return a.Service.Layers(ctx, digest.Digest(id))
}

// networks shows the network service as the containers see it.
type networks struct{ *network.Service }

// Connect gives a container its endpoint on the bridge.
func (a networks) Connect(ctx context.Context, c container.Container, ports []config.PortBinding, at container.Place) (*container.Connection, error) {
	req := network.ConnectRequest{ID: c.ID, Name: c.Name, Hostname: c.Config.Hostname, MAC: c.Config.MacAddress}
	if p, ok := at.(place); ok {
		req.Place = p.Place
	}
	for _, p := range ports {
		req.Ports = append(req.Ports, network.PortBinding(p))
	}
	got, err := a.Service.Connect(ctx, req)
	if err != nil {
		return nil, err
	}
	conn := &container.Connection{ID: c.ID, Name: c.Name, NetNS: got.NetNS, Holds: got.Holds, Endpoint: container.Endpoint{
		Network: "bridge", NetworkID: got.NetworkID, EndpointID: got.EndpointID, Address: got.Address,
		Gateway: got.Gateway, MAC: got.MAC, HostLink: got.HostLink,
	}}
	for _, p := range got.Ports {
		conn.Endpoint.Ports = append(conn.Endpoint.Ports, config.PortBinding(p))
	}
	return conn, nil
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

// Restore takes over the endpoints of the containers that still run.
func (a networks) Restore(ctx context.Context, running []container.Connection) error {
	eps := make([]network.Endpoint, 0, len(running))
	for _, r := range running {
		e := network.Endpoint{
			EndpointID: r.Endpoint.EndpointID, NetworkID: r.Endpoint.NetworkID, ContainerID: r.ID, Name: r.Name,
			Address: r.Endpoint.Address, Gateway: r.Endpoint.Gateway, MAC: r.Endpoint.MAC,
			HostLink: r.Endpoint.HostLink, Holds: r.Holds,
		}
		for _, p := range r.Endpoint.Ports {
			e.Ports = append(e.Ports, network.PortBinding(p))
		}
		eps = append(eps, e)
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
func (a networks) Hosts(hc config.HostConfig, ep container.Endpoint, names ...string) ([]byte, error) {
	if hc.NetworkMode == "host" && len(hc.ExtraHosts) == 0 {
		b, err := os.ReadFile("/etc/hosts")
		return b, fault.Wrap(fault.Internal, err, "the host's /etc/hosts cannot be read")
	}
	var own []netip.Addr
	if ep.Address.IsValid() {
		own = append(own, ep.Address.Addr())
	}
	return network.Hosts(hc.ExtraHosts, ep.Gateway, own, names...), nil
}

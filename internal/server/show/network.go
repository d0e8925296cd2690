package show

import (
	"net"
	"strconv"
	"strings"

	"berth/internal/container"
	"berth/internal/container/config"
	"berth/internal/server/grammar"

	wire "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
)

// legacyInspect is inspect before network settings of the default bridge left.
type legacyInspect struct {
	inspect
	NetworkSettings *legacyNetwork
}

// legacyNetwork repeats the default bridge's endpoint beside Networks.
type legacyNetwork struct {
	*wire.NetworkSettings
	Bridge                 string
	HairpinMode            bool
	LinkLocalIPv6Address   string
	LinkLocalIPv6PrefixLen int
	SecondaryIPAddresses   []string
	SecondaryIPv6Addresses []string
	EndpointID             string
	Gateway                string
	GlobalIPv6Address      string
	GlobalIPv6PrefixLen    int
	IPAddress              string
	IPPrefixLen            int
	IPv6Gateway            string
	MacAddress             string
}

func legacyNetworkOf(c *container.Container, settings *wire.NetworkSettings) *legacyNetwork {
	l := &legacyNetwork{NetworkSettings: settings}
	if e := c.Primary(); c.State.Up() && e.Network == "bridge" {
		l.EndpointID, l.MacAddress = e.EndpointID, e.MAC
		if e.Address.IsValid() {
			l.IPAddress, l.IPPrefixLen = e.Address.Addr().String(), e.Address.Bits()
		}
		if e.Gateway.IsValid() {
			l.Gateway = e.Gateway.String()
		}
	}
	return l
}

func networkSettings(c *container.Container) *wire.NetworkSettings {
	out := &wire.NetworkSettings{Ports: inspectPorts(c), Networks: Networks(c)}
	if c.State.Up() && !strings.HasPrefix(c.HostConfig.NetworkMode, "container:") {
		// The key is a file to be given to nsenter(1) and ip-netns(8).
		out.SandboxID, out.SandboxKey = c.ID, "/proc/"+strconv.Itoa(c.Run.Pid)+"/ns/net"
	}
	return out
}

// Networks shows the networks of a container, with addresses while it runs.
func Networks(c *container.Container) map[string]*network.EndpointSettings {
	mode := c.HostConfig.NetworkMode
	out := map[string]*network.EndpointSettings{}
	if strings.HasPrefix(mode, "container:") {
		return out
	}
	for i := range c.Endpoints {
		asked, known := c.Networks[c.Endpoints[i].Network]
		if !known && i == 0 {
			asked = c.Networks[mode]
		}
		out[c.Endpoints[i].Network] = endpoint(c, &c.Endpoints[i], asked)
	}
	if len(c.Endpoints) == 0 && c.Networks == nil {
		name := grammar.PlainNetwork(mode)
		out[name] = endpoint(c, &container.Endpoint{Network: name}, c.Networks[mode])
	}
	for name, asked := range c.Networks {
		if out[name] == nil && (name != mode || len(c.Endpoints) == 0) {
			out[name] = endpoint(c, &container.Endpoint{Network: name}, asked)
		}
	}
	return out
}

// endpoint shows one of a container's networks.
func endpoint(c *container.Container, on *container.Endpoint, asked config.Attachment) *network.EndpointSettings {
	e := &network.EndpointSettings{NetworkID: on.NetworkID, GwPriority: asked.Priority, Aliases: asked.Aliases}
	if asked.IPv4.IsValid() {
		e.IPAMConfig = &network.EndpointIPAMConfig{IPv4Address: asked.IPv4}
	}
	if config.UserNetwork(on.Network) {
		e.DNSNames = config.NamesOn(c.Name, c.ID, c.Config.Hostname, asked.Aliases)
	}
	mac := asked.MAC
	if c.State.Up() {
		e.EndpointID, e.Gateway, mac = on.EndpointID, on.Gateway, on.MAC
		if on.Address.IsValid() {
			e.IPAddress, e.IPPrefixLen = on.Address.Addr(), on.Address.Bits()
		}
	}
	if mac, err := net.ParseMAC(mac); err == nil {
		e.MacAddress = network.HardwareAddr(mac)
	}
	return e
}

// inspectPorts shows ports while they are held: bound ones, and exposed ones with null.
func inspectPorts(c *container.Container) network.PortMap {
	if !c.State.Up() {
		return network.PortMap{}
	}
	m := portMap(c.Published(), true)
	for _, word := range c.Config.ExposedPorts {
		if p, err := network.ParsePort(word); err == nil {
			if _, ok := m[p]; !ok {
				m[p] = nil
			}
		}
	}
	return m
}

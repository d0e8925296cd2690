package show

import (
	"cmp"
	"net"
	"strconv"
	"strings"

	"berth/internal/container"
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
	if e := &c.Endpoint; c.State.Up() && e.Network == "bridge" {
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

// Networks shows the one network of a container, with addresses while it runs.
func Networks(c *container.Container) map[string]*network.EndpointSettings {
	mode := c.HostConfig.NetworkMode
	if strings.HasPrefix(mode, "container:") {
		return map[string]*network.EndpointSettings{}
	}
	name := cmp.Or(c.Endpoint.Network, grammar.PlainNetwork(mode))
	e := &network.EndpointSettings{NetworkID: c.Endpoint.NetworkID}
	if c.State.Up() {
		e.EndpointID, e.Gateway = c.Endpoint.EndpointID, c.Endpoint.Gateway
		if c.Endpoint.Address.IsValid() {
			e.IPAddress, e.IPPrefixLen = c.Endpoint.Address.Addr(), c.Endpoint.Address.Bits()
		}
		if mac, err := net.ParseMAC(c.Endpoint.MAC); err == nil {
			e.MacAddress = network.HardwareAddr(mac)
		}
	}
	return map[string]*network.EndpointSettings{name: e}
}

// inspectPorts shows ports while they are held: bound ones, and exposed ones with null.
func inspectPorts(c *container.Container) network.PortMap {
	if !c.State.Up() {
		return network.PortMap{}
	}
	m := portMap(c.Endpoint.Ports, true)
	for _, word := range c.Config.ExposedPorts {
		if p, err := network.ParsePort(word); err == nil {
			if _, ok := m[p]; !ok {
				m[p] = nil
			}
		}
	}
	return m
}

package creation

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"berth/internal/cli/opts"

	"github.com/moby/moby/api/types/network"
	"github.com/spf13/pflag"
)

// endpoint are the flags about a new container in its network that are older
// than --network's own settings: they go to the first network.
type endpoint struct {
	ip, ip6, mac              string
	aliases, links, linkLocal opts.List
}

func (e *endpoint) install(fs *pflag.FlagSet) {
	e.links.Check = opts.Link
	fs.StringVar(&e.ip, "ip", "", "IPv4 address (e.g., 172.30.100.104)")
	fs.StringVar(&e.ip6, "ip6", "", "IPv6 address (e.g., 2001:db8::33)")
	fs.Var(&e.links, "link", "Add link to another container")
	fs.Var(&e.linkLocal, "link-local-ip", "Container IPv4/IPv6 link-local addresses")
	fs.StringVar(&e.mac, "mac-address", "", "Container MAC address (e.g., 92:d0:c6:0a:29:33)")
	fs.Var(&e.aliases, "network-alias", "Add network-scoped alias for the container")
	fs.Var(&e.aliases, "net-alias", "Add network-scoped alias for the container")
	_ = fs.MarkHidden("net-alias")
}

// apply adds the flags to the first network, the default one when none is given.
func (e *endpoint) apply(networks *opts.Networks) error {
	if len(networks.Values) == 0 {
		if !e.used() {
			return nil
		}
		networks.Values = []opts.Network{{Target: "default"}}
	}
	n := &networks.Values[0]
	if err := e.conflict(n); err != nil {
		return err
	}
	s := &n.Endpoint
	if len(e.aliases.Values) > 0 {
		s.Aliases = e.aliases.Values
	}
	// On the default bridge a link is the container's, not the endpoint's.
	if len(e.links.Values) > 0 && n.UserDefined() {
		s.Links = e.links.Values
	}
	if e.mac != "" {
		mac, err := net.ParseMAC(strings.TrimSpace(e.mac))
		if err != nil {
			return fmt.Errorf("%s is not a valid mac address", e.mac)
		}
		s.MacAddress = network.HardwareAddr(mac)
	}
	return e.addresses(n)
}

func (e *endpoint) used() bool {
	return e.ip != "" || e.ip6 != "" || e.mac != "" || len(e.aliases.Values) > 0 || len(e.linkLocal.Values) > 0
}

func (e *endpoint) addresses(n *opts.Network) error {
	var err error
	if e.ip != "" {
		if n.IPAM().IPv4Address, err = netip.ParseAddr(e.ip); err != nil {
			return fmt.Errorf("invalid IPv4 address: %s", e.ip)
		}
	}
	if e.ip6 != "" {
		if n.IPAM().IPv6Address, err = netip.ParseAddr(e.ip6); err != nil {
			return fmt.Errorf("invalid IPv6 address: %s", e.ip6)
		}
	}
	for _, v := range e.linkLocal.Values {
		ip, err := netip.ParseAddr(v)
		if err != nil {
			return fmt.Errorf("invalid link-local IP address: %s", v)
		}
		n.IPAM().LinkLocalIPs = append(n.IPAM().LinkLocalIPs, ip)
	}
	return nil
}

// conflict refuses what is said twice, by a flag and by the network's settings.
func (e *endpoint) conflict(n *opts.Network) error {
	s := n.Endpoint
	ipam := s.IPAMConfig
	if ipam == nil {
		ipam = &network.EndpointIPAMConfig{}
	}
	for _, v := range []struct {
		twice bool
		what  string
	}{
		{len(s.Aliases) > 0 && len(e.aliases.Values) > 0, "--network-alias and per-network alias"},
		{len(s.Links) > 0 && len(e.links.Values) > 0, "--link and per-network links"},
		{ipam.IPv4Address.IsValid() && e.ip != "", "--ip and per-network IPv4 address"},
		{ipam.IPv6Address.IsValid() && e.ip6 != "", "--ip6 and per-network IPv6 address"},
		{len(s.MacAddress) > 0 && e.mac != "", "--mac-address and per-network MAC address"},
		{len(ipam.LinkLocalIPs) > 0 && len(e.linkLocal.Values) > 0, "--link-local-ip and per-network link-local IP addresses"},
	} {
		if v.twice {
			return errors.New("conflicting options: cannot specify both " + v.what)
		}
	}
	return nil
}

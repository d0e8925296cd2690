package opts

import (
	"encoding/csv"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"reflect"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
)

// Networks is a repeated --network flag.
type Networks struct{ Values []Network }

// Network is one network that a container joins, with its endpoint's settings.
type Network struct {
	Target   string
	Endpoint network.EndpointSettings
}

// String is empty: the flag has no default to show.
func (*Networks) String() string { return "" }

// Type names the kind of flag in help output.
func (*Networks) Type() string { return "network" }

// Set adds one network.
func (n *Networks) Set(v string) error {
	parsed, err := ParseNetwork(v)
	if err == nil {
		n.Values = append(n.Values, parsed)
	}
	return err
}

// Mode returns what goes into the host configuration's NetworkMode.
func (n *Networks) Mode() container.NetworkMode {
	if len(n.Values) == 0 {
		return "default"
	}
	return container.NetworkMode(n.Values[0].Target)
}

// ParseNetwork reads a name, or name=x,alias=y,… as CSV.
func ParseNetwork(v string) (Network, error) {
	if !longNetwork(v) {
		return Network{Target: v}, nil
	}
	fields, err := csv.NewReader(strings.NewReader(v)).Read()
	if err != nil {
		return Network{}, err
	}
	var n Network
	for _, field := range fields {
		key, val, ok := strings.Cut(strings.ToLower(field), "=")
		if !ok || key == "" {
			return Network{}, fmt.Errorf("invalid field %s", field)
		}
		if err := n.set(strings.TrimSpace(key), strings.TrimSpace(val)); err != nil {
			return Network{}, err
		}
	}
	if n.Target == "" {
		return Network{}, errors.New("network name/id is not specified")
	}
	return n, nil
}

// longNetwork reports whether a letter, digit or underscore stands on both
// sides of an equals sign; container:a=b would not be a valid name anyway.
func longNetwork(v string) bool {
	word := func(c byte) bool {
		return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
	}
	for i := 1; i < len(v)-1; i++ {
		if v[i] == '=' && word(v[i-1]) && word(v[i+1]) {
			return true
		}
	}
	return false
}

// IPAM returns the network's addresses, to be filled.
func (n *Network) IPAM() *network.EndpointIPAMConfig {
	if n.Endpoint.IPAMConfig == nil {
		n.Endpoint.IPAMConfig = &network.EndpointIPAMConfig{}
	}
	return n.Endpoint.IPAMConfig
}

func (n *Network) set(key, val string) (err error) {
	switch key {
	case "name":
		n.Target = val
	case "alias":
		n.Endpoint.Aliases = append(n.Endpoint.Aliases, val)
	case "ip":
		n.IPAM().IPv4Address, err = netip.ParseAddr(val)
	case "ip6":
		n.IPAM().IPv6Address, err = netip.ParseAddr(val)
	case "link-local-ip":
		var a netip.Addr
		a, err = netip.ParseAddr(val)
		n.IPAM().LinkLocalIPs = append(n.IPAM().LinkLocalIPs, a)
	case "mac-address":
		mac, err := net.ParseMAC(val)
		if err != nil {
			return fmt.Errorf("%s is not a valid mac address", val)
		}
		n.Endpoint.MacAddress = network.HardwareAddr(mac)
	case "driver-opt":
		k, v, ok := strings.Cut(val, "=")
		if !ok || k == "" {
			return errors.New("invalid key value pair format in driver options")
		}
		n.Endpoint.DriverOpts = withPair(n.Endpoint.DriverOpts, strings.TrimSpace(k)+"="+strings.TrimSpace(v))
	case "gw-priority":
		if n.Endpoint.GwPriority, err = strconv.Atoi(val); err != nil {
			err = fmt.Errorf("invalid gw-priority (%s): %w", val, errors.Unwrap(err))
		}
	default:
		return errors.New("invalid field key " + key)
	}
	return err
}

// Endpoints turns the flags into the request's endpoint configuration. A
// single network without settings needs none: the mode says it all.
func (n *Networks) Endpoints() (map[string]*network.EndpointSettings, error) {
	out := make(map[string]*network.EndpointSettings, len(n.Values))
	var user, other bool
	for _, v := range n.Values {
		if strings.TrimSpace(v.Target) == "" {
			return nil, errors.New("no name set for network")
		}
		userDefined := v.UserDefined()
		user, other = user || userDefined, other || !userDefined
		if !userDefined && len(v.Endpoint.Aliases) > 0 {
			return nil, errors.New("network-scoped aliases are only supported for user-defined networks")
		}
		if !userDefined && len(v.Endpoint.Links) > 0 {
			return nil, errors.New("links are only supported for user-defined networks")
		}
		if _, ok := out[v.Target]; ok {
			return nil, fmt.Errorf("network %q is specified multiple times", v.Target)
		}
		if len(n.Values) == 1 && reflect.ValueOf(v.Endpoint).IsZero() {
			continue
		}
		out[v.Target] = &v.Endpoint
	}
	if user && other {
		return nil, errors.New("conflicting options: cannot attach both user-defined and non-user-defined network-modes")
	}
	return out, nil
}

// UserDefined tells a network's name from the modes, on every client platform alike.
func (n *Network) UserDefined() bool {
	switch n.Target {
	case "", "default", "bridge", "host", "none":
		return false
	}
	return !container.NetworkMode(n.Target).IsContainer()
}

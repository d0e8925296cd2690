package definition

import (
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"berth/internal/fault"
)

// Predefined are the networks that are always there, and that nobody makes or removes.
func Predefined(name string) bool {
	return slices.Contains([]string{"bridge", "host", "none", "default"}, name)
}

// Check makes a definition of a request, without ID, time and the addresses that were not asked for.
// Errors have Docker's wording.
func Check(r Request) (Definition, error) {
	d := Definition{
		Name: r.Name, Driver: r.Driver, Internal: r.Internal, Attachable: r.Attachable,
		Options: r.Options, Labels: r.Labels, IPAM: IPAM{Driver: r.IPAM.Driver, Options: r.IPAM.Options},
	}
	if d.Driver == "" {
		d.Driver = "bridge"
	}
	if d.IPAM.Driver == "" {
		d.IPAM.Driver = "default"
	}
	if err := checkKind(d); err != nil {
		return d, err
	}
	if _, err := ReadOptions(d); err != nil {
		return d, err
	}
	switch len(r.IPAM.Config) {
	case 0:
		return d, nil
	case 1:
		return d, d.IPAM.take(r.IPAM.Config[0])
	}
	return d, fault.New(fault.Unsupported, "a network of more than one subnet is not supported yet")
}

func checkKind(d Definition) error {
	switch {
	case Predefined(d.Name):
		return fault.New(fault.Forbidden, "operation is not permitted on predefined %s network ", d.Name)
	case strings.TrimSpace(d.Name) == "":
		return fault.New(fault.Invalid, "invalid name: name is empty")
	case !matches(`^[^\x00-\x20/:\x7f]{1,128}$`, d.Name):
		return fault.New(fault.Invalid, "invalid network name %q: at most 128 characters are allowed, and no spaces, slashes and colons", d.Name)
	case d.Driver == "host" || d.Driver == "null":
		return fault.New(fault.Forbidden, "only one instance of %q network is allowed", d.Driver)
	case slices.Contains([]string{"macvlan", "ipvlan", "overlay"}, d.Driver):
		return fault.New(fault.Unsupported, "networks of the driver %q are not supported yet", d.Driver)
	case d.Driver != "bridge":
		return fault.New(fault.NotFound, "plugin %q not found", d.Driver)
	case d.IPAM.Driver != "default":
		return fault.New(fault.NotFound, "plugin %q not found", d.IPAM.Driver)
	}
	return nil
}

// take takes a pool over, if it is one.
func (i *IPAM) take(p Pool) error {
	if !p.Subnet.IsValid() {
		switch {
		case p.Gateway.IsValid():
			return fault.New(fault.Invalid, "no matching subnet for gateway %s", p.Gateway)
		case p.Range.IsValid():
			return fault.New(fault.Invalid, "no matching subnet for range %s", p.Range)
		case len(p.Aux) > 0:
			return fault.New(fault.Invalid, "no matching subnet for aux-address")
		}
		return nil
	}
	subnet := p.Subnet.Masked()
	switch {
	case !subnet.Addr().Is4():
		return fault.New(fault.Unsupported, "the IPv6 subnet %s is not supported yet", subnet)
	case p.Subnet != subnet:
		return fault.New(fault.Invalid, "invalid network config:\ninvalid subnet %s: it should be %s", p.Subnet, subnet)
	case subnet.Bits() > 30 || subnet.Bits() < 8:
		return fault.New(fault.Invalid, "invalid subnet %s: a length of 8 to 30 bits is needed", subnet)
	case subnet.Overlaps(netip.MustParsePrefix("127.0.0.0/8")) || subnet.Addr().IsMulticast():
		return fault.New(fault.Invalid, "invalid subnet %s: containers cannot have its addresses", subnet)
	case p.Gateway.IsValid() && !subnet.Contains(p.Gateway):
		return fault.New(fault.Invalid, "invalid network config:\ninvalid gateway address %s: it is not in the subnet %s", p.Gateway, subnet)
	case p.Range.IsValid() && (p.Range.Bits() < subnet.Bits() || !subnet.Contains(p.Range.Addr())):
		return fault.New(fault.Invalid, "invalid network config:\ninvalid ip-range %s: it is not in the subnet %s", p.Range, subnet)
	}
	for name, ip := range p.Aux {
		if !subnet.Contains(ip) {
			return fault.New(fault.Invalid, "invalid network config:\ninvalid auxiliary address %s=%s: it is not in the subnet %s", name, ip, subnet)
		}
		if ip == p.Gateway {
			return fault.New(fault.Forbidden, "failed to allocate secondary ip address (%s:%s): Address already in use", name, ip)
		}
	}
	i.Subnet, i.Range, i.Aux, i.Asked, i.Gateway = subnet, p.Range, p.Aux, true, p.Gateway
	return nil
}

// Place gives a network its subnet, if it has none, and its gateway: the first address that is free.
func (i *IPAM) Place(subnet netip.Prefix) {
	if !i.Subnet.IsValid() {
		i.Subnet = subnet.Masked()
	}
	first := i.Subnet.Addr().Next()
	if i.Range.IsValid() && i.Range.Masked().Addr() != i.Subnet.Addr() {
		first = i.Range.Masked().Addr() // as Docker: the range's first address
	}
	for ; !i.Gateway.IsValid(); first = first.Next() {
		if !i.isAux(first) {
			i.Gateway = first
		}
	}
}

func (i *IPAM) isAux(ip netip.Addr) bool {
	for _, a := range i.Aux {
		if a == ip {
			return true
		}
	}
	return false
}

// ReadOptions reads the options of a bridge network.
func ReadOptions(d Definition) (Bridge, error) {
	b := Bridge{Masquerade: true, LinkPrefix: "eth"}
	for _, key := range slices.Sorted(maps.Keys(d.Options)) {
		if err := b.read(key, d.Options[key]); err != nil {
			return b, err
		}
	}
	if b.Name == "" && len(d.ID) >= 12 {
		b.Name = "br-" + d.ID[:12]
	}
	return b, nil
}

func matches(pattern, word string) bool { return regexp.MustCompile(pattern).MatchString(word) }

// isLinkName reports whether the kernel takes a name for a link, and nobody takes it for a pattern.
func isLinkName(word string) bool {
	return matches(`^[^\s/:%]{1,15}$`, word) && word != "." && word != ".."
}

func (b *Bridge) read(key, value string) (err error) {
	on := false
	switch key {
	case ICC, Masquerade, DefaultLink:
		if on, err = strconv.ParseBool(value); err != nil {
			return fault.New(fault.Invalid, "failed to parse %s value: %s (%v)", key, value, err)
		}
	}
	switch key {
	case BridgeName:
		if b.Name = value; !isLinkName(value) {
			return fault.New(fault.Invalid, "invalid name of a bridge: %q", value)
		}
	case ICC:
		b.Isolated = !on
	case Masquerade:
		b.Masquerade = on
	case DefaultLink:
		if on {
			return fault.New(fault.Forbidden, "the default bridge network is there already")
		}
	case HostBinding:
		if b.HostBinding, err = netip.ParseAddr(value); err != nil || !b.HostBinding.Is4() {
			return fault.New(fault.Invalid, "failed to parse %s value: %q (it is no IPv4 address)", key, value)
		}
	case MTU:
		if b.MTU, err = strconv.Atoi(value); err != nil || b.MTU != 0 && (b.MTU < 68 || b.MTU > 65535) {
			return fault.New(fault.Invalid, "failed to parse %s value: %q (an MTU is 68 to 65535 bytes)", key, value)
		}
	case LinkPrefix:
		if b.LinkPrefix = value; !isLinkName(value) || len(value) > 12 || strings.ContainsAny(value, "0123456789") {
			return fault.New(fault.Invalid, "invalid %s: %q", key, value)
		}
	case GatewayMode:
		if value != "nat" {
			return fault.New(fault.Unsupported, "the gateway mode %q is not supported yet", value)
		}
	default:
		if strings.HasPrefix(key, dockerPrefix) {
			return fault.New(fault.Unsupported, "the driver option %s is not supported yet", key)
		}
	}
	return nil
}

package network

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/moby/moby/api/types/network"
)

// pools puts together which range, gateway and auxiliary addresses belong to which subnet.
func (o *createOptions) pools() ([]network.IPAMConfig, error) {
	if len(o.subnets) < len(o.ranges) || len(o.subnets) < len(o.gateways) {
		return nil, errors.New("every ip-range or gateway must have a corresponding subnet")
	}
	list := []network.IPAMConfig{}
	for _, word := range o.subnets {
		subnet, err := netip.ParsePrefix(word)
		if err != nil {
			return nil, fmt.Errorf("invalid subnet: %w", err)
		}
		for _, other := range list {
			if other.Subnet.Overlaps(subnet) {
				return nil, errors.New("multiple overlapping subnet configuration is not supported")
			}
		}
		list = append(list, network.IPAMConfig{Subnet: subnet, AuxAddress: map[string]netip.Addr{}})
	}
	for _, put := range []func([]network.IPAMConfig) error{o.putRanges, o.putGateways, o.putAux} {
		if err := put(list); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// of is the subnet that has an address.
func of(list []network.IPAMConfig, ip netip.Addr) *network.IPAMConfig {
	for i := range list {
		if list[i].Subnet.Contains(ip) {
			return &list[i]
		}
	}
	return nil
}

func (o *createOptions) putRanges(list []network.IPAMConfig) error {
	for _, word := range o.ranges {
		p, err := netip.ParsePrefix(word)
		if err != nil {
			return fmt.Errorf("invalid ip-range: %w", err)
		}
		to := of(list, p.Addr())
		switch {
		case to == nil:
			return fmt.Errorf("no matching subnet for range %s", word)
		case to.IPRange.IsValid():
			return fmt.Errorf("cannot configure multiple ranges (%s, %s) on the same subnet (%s)", word, to.IPRange, to.Subnet)
		}
		to.IPRange = p
	}
	return nil
}

func (o *createOptions) putGateways(list []network.IPAMConfig) error {
	for _, word := range o.gateways {
		ip, err := netip.ParseAddr(word)
		if err != nil {
			return fmt.Errorf("invalid gateway: %w", err)
		}
		to := of(list, ip)
		switch {
		case to == nil:
			return fmt.Errorf("no matching subnet for gateway %s", word)
		case to.Gateway.IsValid():
			return fmt.Errorf("cannot configure multiple gateways (%s, %s) for the same subnet (%s)", word, to.Gateway, to.Subnet)
		}
		to.Gateway = ip
	}
	return nil
}

func (o *createOptions) putAux(list []network.IPAMConfig) error {
	for _, name := range slices.Sorted(maps.Keys(o.aux.Values)) {
		word := o.aux.Values[name]
		ip, err := netip.ParseAddr(word)
		if err != nil {
			return fmt.Errorf("invalid auxiliary address %s: %w", name, err)
		}
		to := of(list, ip)
		if to == nil {
			return fmt.Errorf("no matching subnet for aux-address %s", word)
		}
		to.AuxAddress[name] = ip
	}
	return nil
}

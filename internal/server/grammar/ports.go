package grammar

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	wire "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"

	"berth/internal/container/config"
	"berth/internal/fault"
)

// checkPort refuses ports without a number and protocols that do not exist.
func checkPort(p network.Port) error {
	switch p.Proto() {
	case network.TCP, network.UDP, network.SCTP:
	default:
		return fault.New(fault.Invalid, "invalid port specification: %q", p.String())
	}
	if p.Num() == 0 {
		return fault.New(fault.Invalid, "invalid port specification: %q", p.String())
	}
	return nil
}

// takePorts moves the published ports, in order of their numbers.
func takePorts(from *wire.HostConfig, to *config.HostConfig) error {
	for port, bindings := range take(&from.PortBindings) {
		if err := checkPort(port); err != nil {
			return err
		}
		if port.Proto() == network.SCTP {
			return fault.New(fault.Unsupported, "HostConfig.PortBindings with protocol sctp is not supported yet")
		}
		if len(bindings) == 0 {
			bindings = []network.PortBinding{{}} // Docker takes an empty list for "any host port"
		}
		for _, b := range bindings {
			host, err := hostPort(b.HostPort)
			if err != nil {
				return err
			}
			to.PortBindings = append(to.PortBindings, config.PortBinding{
				Port: port.Num(), Proto: string(port.Proto()), HostIP: b.HostIP, HostPort: host,
			})
		}
	}
	slices.SortStableFunc(to.PortBindings, func(a, b config.PortBinding) int {
		return cmp.Or(cmp.Compare(a.Port, b.Port), cmp.Compare(a.Proto, b.Proto))
	})
	return nil
}

// hostPort reads a host port: empty and 0 mean any.
func hostPort(word string) (uint16, error) {
	if word == "" {
		return 0, nil
	}
	if low, high, ok := strings.Cut(word, "-"); ok && low != high {
		if _, err := network.ParsePortRange(word); err == nil {
			return 0, fault.New(fault.Unsupported, "HostConfig.PortBindings with a range of host ports (%s) is not supported yet", word)
		}
		return 0, fault.New(fault.Invalid, "invalid port specification: %q", word)
	} else if ok {
		word = low
	}
	n, err := strconv.ParseUint(word, 10, 16)
	if err != nil {
		return 0, fault.New(fault.Invalid, "invalid port specification: %q", word)
	}
	return uint16(n), nil
}

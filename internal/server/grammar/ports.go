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
		if len(bindings) == 0 {
			bindings = []network.PortBinding{{}} // Docker takes an empty list for "any host port"
		}
		for _, b := range bindings {
			first, last, err := hostPorts(b.HostPort)
			if err != nil {
				return err
			}
			to.PortBindings = append(to.PortBindings, config.PortBinding{
				Port: port.Num(), Proto: string(port.Proto()), HostIP: b.HostIP, HostPort: first, HostPortEnd: last,
			})
		}
	}
	slices.SortStableFunc(to.PortBindings, func(a, b config.PortBinding) int {
		return cmp.Or(cmp.Compare(a.Port, b.Port), cmp.Compare(a.Proto, b.Proto))
	})
	return nil
}

// hostPorts reads a host port, or a range of which the first free one is taken: then last is not
// zero. Empty and 0 mean any.
func hostPorts(word string) (first, last uint16, err error) {
	if word == "" {
		return 0, 0, nil
	}
	from, to, isRange := strings.Cut(word, "-")
	n, err := strconv.ParseUint(from, 10, 16)
	if !isRange {
		to = from
	}
	end, err2 := strconv.ParseUint(to, 10, 16)
	if err != nil || err2 != nil || end < n || end > n && n == 0 {
		return 0, 0, fault.New(fault.Invalid, "invalid port specification: %q", word)
	}
	if end == n {
		return uint16(n), 0, nil
	}
	return uint16(n), uint16(end), nil
}

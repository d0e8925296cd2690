package network

import (
	"fmt"
	"net/netip"

	"berth/internal/cli/engine"
	"berth/internal/cli/opts"
	"berth/internal/cli/session"

	"github.com/moby/moby/api/types/network"
	"github.com/spf13/cobra"
)

type connectOptions struct {
	aliases, driverOpts, linkLocal []string
	links                          opts.List
	ip, ip6                        string
	priority                       int
}

// newConnect returns `network connect`.
func newConnect(s *session.Session) *cobra.Command {
	o := &connectOptions{}
	cmd := &cobra.Command{
		Use:   "connect [OPTIONS] NETWORK CONTAINER",
		Short: "Connect a container to a network",
		Args:  session.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			settings, err := o.settings()
			if err != nil {
				return err
			}
			client, err := s.Engine()
			if err != nil {
				return err
			}
			return engine.NetworksOf(client).Connect(cmd.Context(), args[0], network.ConnectRequest{Container: args[1], EndpointConfig: settings})
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&o.ip, "ip", "", `IPv4 address (e.g., "172.30.100.104")`)
	fs.StringVar(&o.ip6, "ip6", "", `IPv6 address (e.g., "2001:db8::33")`)
	fs.Var(&o.links, "link", "Add link to another container")
	fs.StringSliceVar(&o.aliases, "alias", nil, "Add network-scoped alias for the container")
	fs.StringSliceVar(&o.linkLocal, "link-local-ip", nil, "Add a link-local address for the container")
	fs.StringSliceVar(&o.driverOpts, "driver-opt", nil, "driver options for the network")
	fs.IntVar(&o.priority, "gw-priority", 0, "Highest gw-priority provides the default gateway. Accepts positive and negative values.")
	return cmd
}

// settings are the flags as a request.
func (o *connectOptions) settings() (*network.EndpointSettings, error) {
	e := &network.EndpointSettings{
		IPAMConfig: &network.EndpointIPAMConfig{}, Aliases: o.aliases, Links: o.links.Values, GwPriority: o.priority,
	}
	if len(o.driverOpts) > 0 {
		e.DriverOpts = opts.ToMap(o.driverOpts)
	}
	var err error
	if e.IPAMConfig.IPv4Address, err = address("ip", o.ip); err != nil {
		return nil, err
	}
	if e.IPAMConfig.IPv6Address, err = address("ip6", o.ip6); err != nil {
		return nil, err
	}
	for _, word := range o.linkLocal {
		ip, err := address("link-local-ip", word)
		if err != nil {
			return nil, err
		}
		e.IPAMConfig.LinkLocalIPs = append(e.IPAMConfig.LinkLocalIPs, ip)
	}
	return e, nil
}

// address reads the value of a flag; an empty one is none.
func address(flag, word string) (ip netip.Addr, err error) {
	if word == "" {
		return ip, nil
	}
	if ip, err = netip.ParseAddr(word); err != nil {
		return ip, fmt.Errorf("invalid argument %q for \"--%s\" flag: failed to parse IP: %q", word, flag, word)
	}
	return ip, nil
}

package network

import (
	"fmt"

	"berth/internal/cli/engine"
	"berth/internal/cli/opts"
	"berth/internal/cli/session"

	"github.com/moby/moby/api/types/network"
	"github.com/spf13/cobra"
)

type createOptions struct {
	wish                      network.CreateRequest
	ipv4, ipv6                bool
	from, ipamDriver          string
	labels                    opts.List
	options, ipamOptions, aux opts.Map
	subnets, ranges, gateways []string
}

// newCreate returns `network create`.
func newCreate(s *session.Session) *cobra.Command {
	o := &createOptions{}
	cmd := &cobra.Command{
		Use:   "create [OPTIONS] NETWORK",
		Short: "Create a network",
		Args:  session.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			wish, err := o.request(args[0], cmd.Flags().Changed)
			if err != nil {
				return err
			}
			client, err := s.Engine()
			if err != nil {
				return err
			}
			made, err := engine.NetworksOf(client).Create(cmd.Context(), wish)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(s.Out, made.ID)
			return err
		},
	}
	fs := cmd.Flags()
	fs.StringVarP(&o.wish.Driver, "driver", "d", "bridge", "Driver to manage the Network")
	fs.VarP(&o.options, "opt", "o", "Set driver specific options")
	fs.Var(&o.labels, "label", "Set metadata on a network")
	fs.BoolVar(&o.wish.Internal, "internal", false, "Restrict external access to the network")
	fs.BoolVar(&o.ipv4, "ipv4", true, "Enable or disable IPv4 address assignment")
	fs.BoolVar(&o.ipv6, "ipv6", false, "Enable or disable IPv6 address assignment")
	fs.BoolVar(&o.wish.Attachable, "attachable", false, "Enable manual container attachment")
	fs.BoolVar(&o.wish.Ingress, "ingress", false, "Create swarm routing-mesh network")
	fs.StringVar(&o.wish.Scope, "scope", "", "Control the network's scope")
	fs.BoolVar(&o.wish.ConfigOnly, "config-only", false, "Create a configuration only network")
	fs.StringVar(&o.from, "config-from", "", "The network from which to copy the configuration")
	fs.StringVar(&o.ipamDriver, "ipam-driver", "default", "IP Address Management Driver")
	fs.StringSliceVar(&o.subnets, "subnet", nil, "Subnet in CIDR format that represents a network segment")
	fs.StringSliceVar(&o.ranges, "ip-range", nil, "Allocate container ip from a sub-range")
	fs.StringSliceVar(&o.gateways, "gateway", nil, "IPv4 or IPv6 Gateway for the master subnet")
	fs.Var(&o.aux, "aux-address", "Auxiliary IPv4 or IPv6 addresses used by Network driver")
	fs.Var(&o.ipamOptions, "ipam-opt", "Set IPAM driver specific options")
	return cmd
}

// request are the flags as a request.
func (o *createOptions) request(name string, given func(flag string) bool) (network.CreateRequest, error) {
	wish := o.wish
	wish.Name, wish.Options, wish.Labels = name, o.options.Values, opts.ToMap(o.labels.Values)
	if given("ipv4") {
		wish.EnableIPv4 = &o.ipv4
	}
	if given("ipv6") {
		wish.EnableIPv6 = &o.ipv6
	}
	if o.from != "" {
		wish.ConfigFrom = &network.ConfigReference{Network: o.from}
	}
	pools, err := o.pools()
	wish.IPAM = &network.IPAM{Driver: o.ipamDriver, Options: o.ipamOptions.Values, Config: pools}
	return wish, err
}

package grammar

import (
	"strings"

	"berth/internal/container/config"
	"berth/internal/fault"

	"github.com/moby/moby/api/types/network"
)

// takeEndpoints takes what is said of a container's networks. They are those alone, if there are any, and
// that of the mode otherwise. What is said of the default network without others goes into the Config.
func takeEndpoints(cfg *network.NetworkingConfig, mode string, req *config.CreateRequest) error {
	if cfg == nil {
		return nil
	}
	all := map[string]config.Attachment{}
	for name, settings := range cfg.EndpointsConfig {
		plain := PlainNetwork(name)
		if !(config.Attachable(PlainNetwork(mode)) && config.Attachable(plain)) && plain != PlainNetwork(mode) {
			return fault.New(fault.Invalid, "conflicting options: cannot attach both user-defined and non-user-defined network-modes")
		}
		a, err := TakeEndpoint(plain, settings)
		if err != nil {
			return err
		}
		if plain == PlainNetwork(mode) && a.MAC != "" {
			if req.Config.MacAddress != "" && req.Config.MacAddress != a.MAC {
				return fault.New(fault.Invalid, "conflicting MAC addresses: %s and %s", req.Config.MacAddress, a.MAC)
			}
			req.Config.MacAddress = a.MAC
		}
		if config.Attachable(plain) {
			all[plain] = a
		}
	}
	if _, bridge := all["bridge"]; bridge && len(all) == 1 && PlainNetwork(mode) == "bridge" {
		return nil
	}
	req.Networks = all
	return nil
}

// TakeEndpoint takes what a container asks of one network, and refuses the rest.
func TakeEndpoint(name string, e *network.EndpointSettings) (config.Attachment, error) {
	var a config.Attachment
	if e == nil {
		return a, nil
	}
	forgetOperational(e)
	if mac := take(&e.MacAddress); len(mac) > 0 {
		a.MAC = mac.String()
	}
	if err := checkMAC(a.MAC); err != nil {
		return a, err
	}
	if !config.UserNetwork(name) {
		if err := onUserNetworksOnly(e); err != nil {
			return a, err
		}
	}
	if ip := e.IPAMConfig; ip != nil {
		switch {
		case ip.IPv6Address.IsValid():
			return a, fault.New(fault.Unsupported, "IPv6 is not supported yet on networks: %s", ip.IPv6Address)
		case len(ip.LinkLocalIPs) > 0:
			return a, fault.New(fault.Unsupported, "link-local addresses are not supported yet")
		case ip.IPv4Address.IsValid() && !ip.IPv4Address.Is4():
			return a, fault.New(fault.Invalid, "invalid IPv4 address: %s", ip.IPv4Address)
		}
		a.IPv4 = ip.IPv4Address
	}
	e.IPAMConfig = nil
	a.Aliases, a.Priority = take(&e.Aliases), take(&e.GwPriority)
	for _, alias := range a.Aliases {
		if strings.TrimSpace(alias) == "" || strings.ContainsAny(alias, "/ \t\n") {
			return a, fault.New(fault.Invalid, "invalid network-scoped alias: %q", alias)
		}
	}
	return a, refuseRest("NetworkingConfig.EndpointsConfig", e)
}

// onUserNetworksOnly refuses what the default networks do not have, in Docker's words.
func onUserNetworksOnly(e *network.EndpointSettings) error {
	ip := e.IPAMConfig
	switch {
	case ip != nil && (ip.IPv4Address.IsValid() || ip.IPv6Address.IsValid() || len(ip.LinkLocalIPs) > 0):
		return fault.New(fault.Invalid, "user specified IP address is supported on user defined networks only")
	case len(e.Aliases) > 0:
		return fault.New(fault.Invalid, "network-scoped alias is supported only for containers in user defined networks")
	}
	return nil
}

// forgetOperational takes out what inspect tells of a running container's endpoint:
// programs that make a container anew send it back, and it decides nothing.
func forgetOperational(e *network.EndpointSettings) {
	*e = network.EndpointSettings{
		IPAMConfig: e.IPAMConfig, Links: e.Links, Aliases: e.Aliases, DriverOpts: e.DriverOpts,
		GwPriority: e.GwPriority, MacAddress: e.MacAddress,
	}
}

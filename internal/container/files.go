package container

import (
	"os"
	"strings"

	"berth/internal/fault"
)

// writeFiles writes the container's hosts, hostname and resolv.conf for this
// run and returns the container whose files are mounted: another one's when
// the network is shared.
func (h *host) writeFiles(c Container, ep Endpoint) (Container, error) {
	if id, shared := strings.CutPrefix(c.HostConfig.NetworkMode, "container:"); shared {
		other, err := h.index.find(id)
		if err != nil {
			return c, err
		}
		o := other.snapshot()
		c.HostsPath, c.HostnamePath, c.ResolvConfPath = o.HostsPath, o.HostnamePath, o.ResolvConfPath
		c.Config.Hostname, c.Config.Domainname = o.Config.Hostname, o.Config.Domainname
		return c, nil
	}
	resolv, err := h.deps.Networks.ResolvConf(c.HostConfig)
	if err != nil {
		return c, err
	}
	hosts, err := h.deps.Networks.Hosts(c.HostConfig, ep, names(c)...)
	if err != nil {
		return c, err
	}
	for path, content := range map[string][]byte{c.HostsPath: hosts, c.ResolvConfPath: resolv, c.HostnamePath: []byte(c.Config.Hostname + "\n")} {
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return c, fault.Wrap(fault.Internal, err, "the container's network files cannot be written")
		}
	}
	return c, nil
}

// names are what the container calls itself: with a domain (which may be in the
// hostname already), the full name first.
func names(c Container) []string {
	full := c.Config.Hostname
	if c.Config.Domainname != "" {
		full += "." + c.Config.Domainname
	}
	if short, _, found := strings.Cut(full, "."); found {
		return []string{full, short}
	}
	return []string{full}
}

package container

import (
	"strings"

	"berth/internal/container/netfiles"
)

// writeFiles writes the container's hosts, hostname and resolv.conf for this
// run, if they are not what p has written already, and returns the container
// whose files are mounted: another one's when the network is shared.
func (h *host) writeFiles(c Container, p *prepared) (Container, error) {
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
	hosts, err := h.deps.Networks.Hosts(c.HostConfig, p.endpoint, netfiles.Names(c.Config.Hostname, c.Config.Domainname)...)
	if err != nil {
		return c, err
	}
	files := netfiles.Files{Hosts: hosts, Hostname: []byte(c.Config.Hostname + "\n"), ResolvConf: resolv}
	err = files.Write(netfiles.Paths{Hosts: c.HostsPath, Hostname: c.HostnamePath, ResolvConf: c.ResolvConfPath}, p.files)
	p.files = files
	return c, err
}

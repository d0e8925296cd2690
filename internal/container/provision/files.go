package provision

import (
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"berth/internal/archive"
	"berth/internal/container/netfiles"
	"berth/internal/container/record"
	"berth/internal/fault"
	"berth/internal/linux/mount"
)

// withFiles is the container with the network files that are mounted into it:
// another one's when the network is shared, and that one is there.
func (h wiring) withFiles(c record.Container) record.Container {
	id, shared := strings.CutPrefix(c.HostConfig.NetworkMode, "container:")
	if !shared {
		return c
	}
	if o, _, err := h.find(id); err == nil {
		c.HostsPath, c.HostnamePath, c.ResolvConfPath = o.HostsPath, o.HostnamePath, o.ResolvConfPath
		c.Config.Hostname, c.Config.Domainname = o.Config.Hostname, o.Config.Domainname
	}
	return c
}

// writeFiles writes the container's hosts, hostname and resolv.conf for this
// run, if they are its own and not what p has written already.
func (h wiring) writeFiles(c record.Container, p *Prepared) error {
	if strings.HasPrefix(c.HostConfig.NetworkMode, "container:") {
		return nil
	}
	resolv, err := h.deps.NetFiles.ResolvConf(c.HostConfig)
	if err != nil {
		return err
	}
	hosts, err := h.deps.NetFiles.Hosts(c.HostConfig, p.endpoints, netfiles.Names(c.Config.Hostname, c.Config.Domainname)...)
	if err != nil {
		return err
	}
	files := netfiles.Files{Hosts: hosts, Hostname: []byte(c.Config.Hostname + "\n"), ResolvConf: resolv}
	err = files.Write(netfiles.Paths{Hosts: c.HostsPath, Hostname: c.HostnamePath, ResolvConf: c.ResolvConfPath}, p.files)
	p.files = files
	return err
}

// linkMtab makes a container's /etc/mtab, as Docker does, unless its image has one: before the first run, so that
// a container can do without. Where /etc is no directory the mounts in it have the words for that.
func linkMtab(c record.Container, root *os.File) error {
	if !c.Run.Started.IsZero() {
		return nil
	}
	err := mount.MakeLink(root, archive.Mtab, archive.MtabTarget)
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Invalid) || errors.Is(err, unix.ENOTDIR) {
		return nil
	}
	return fault.Wrap(fault.Internal, err, "the link %s cannot be made", archive.Mtab)
}

package provision

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/container/config"
	"berth/internal/container/record"
	"berth/internal/fault"
	"berth/internal/linux/seccomp"
	"berth/internal/runtime"
)

// spec makes of our own spec one that anybody can read: namespaces by
// path, and the profile of seccomp itself.
func (h Others) spec(c record.Container, p *Prepared) error {
	spec := p.spec
	spec.Version = "1.0.2" // nothing in it is newer, and old runtimes look at it
	domainBySysctl(spec)
	if p.netns != nil {
		byPath(spec, named{runtime.FdNetNS, p.netns})
	}
	for _, j := range p.joined {
		byPath(spec, j)
	}
	for _, m := range spec.Mounts {
		tree, err := h.wiring().special(c, m)
		closeAll(tree)
		if err != nil || tree != nil {
			return cmp.Or(err, fault.New(fault.Unsupported, "the mount on %s needs berth's own runtime: it cannot be said by a path", m.Destination))
		}
	}
	// A device cannot be taken out of a wildcard on cgroup v1, say those who try.
	spec.Linux.Resources.Devices = slices.DeleteFunc(spec.Linux.Resources.Devices, func(d specs.LinuxDeviceCgroup) bool {
		return !d.Allow && d.Type != ""
	})
	if size := c.HostConfig.ConsoleSize; c.Config.Tty && size != [2]uint{} {
		spec.Process.ConsoleSize = &specs.Box{Height: size[0], Width: size[1]}
	}
	sec, err := config.ParseSecurity(c.HostConfig.SecurityOpt)
	if err != nil || sec.Unconfined || c.HostConfig.Privileged {
		return err
	}
	var caps []string
	if spec.Process.Capabilities != nil {
		caps = spec.Process.Capabilities.Bounding
	}
	if sec.Profile == nil {
		spec.Linux.Seccomp, err = seccomp.Default(caps)
	} else {
		spec.Linux.Seccomp, err = seccomp.Load(string(sec.Profile), caps)
	}
	return err
}

// domainBySysctl says the domain name as a sysctl, as Docker does: the spec's own field for it is
// newer than many a runtime, which passes over it.
func domainBySysctl(spec *specs.Spec) {
	if spec.Domainname == "" {
		return
	}
	all := map[string]string{"kernel.domainname": spec.Domainname}
	maps.Copy(all, spec.Linux.Sysctl)
	spec.Linux.Sysctl, spec.Domainname = all, ""
}

// byPath says by a path which namespace a descriptor stands for.
func byPath(spec *specs.Spec, n named) {
	for i, ns := range spec.Linux.Namespaces {
		if ns.Path == "fd:"+n.name {
			spec.Linux.Namespaces[i].Path = fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), n.file.Fd())
		}
	}
}

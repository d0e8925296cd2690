// Package ocispec makes an OCI spec of what a user asked for.
package ocispec

import (
	"os"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/container/config"
	"berth/internal/container/netfiles"
	"berth/internal/container/pid1"
	"berth/internal/fault"
	"berth/internal/linux/user"
	"berth/internal/runtime"
)

// Wish is what a user asked for, and what the engine adds to it.
type Wish struct {
	Config       config.Config
	HostConfig   config.HostConfig
	Path         string   // the program
	Args         []string // its arguments
	Files        netfiles.Paths
	Init         string                            // where our init lies on the host; "" for a container without
	Root         string                            // of the daemon; binds around it are slaves where that can be
	CgroupPath   string                            // below every hierarchy's root
	ThermalPaths []string                          // of the CPUs, which are masked
	Modules      runtime.Modules                   // of the kernel's, for security
	VolumeDir    func(name string) (string, error) // where a volume lies
}

// Spec is the wish as an OCI spec. root is the container's mounted file system,
// where users and groups are looked up. The network namespace, where the wish has one
// of its own, comes as a descriptor: see FdNetNS of package runtime.
func (w Wish) Spec(root *os.File) (*specs.Spec, error) {
	hc := w.HostConfig
	caps, err := config.Capabilities(hc)
	if err != nil {
		return nil, err
	}
	sec, err := config.ParseSecurity(hc.SecurityOpt)
	if err != nil {
		return nil, err
	}
	spec := runtime.DefaultSpec(runtime.Sandbox{
		Privileged: hc.Privileged, ReadonlyRoot: hc.ReadonlyRootfs, ShmSize: hc.ShmSize, Capabilities: caps,
		HostNetwork: hc.NetworkMode == "host", HostPid: hc.PidMode == "host", HostIPC: hc.IpcMode == "host", HostUTS: hc.UTSMode == "host",
		HostCgroupNS: hc.CgroupnsMode == "host", NoShm: hc.IpcMode == "none" || w.sharesShm(), ThermalPaths: w.ThermalPaths,
	})
	spec.Hostname, spec.Domainname = w.Config.Hostname, w.Config.Domainname
	if hc.UTSMode == "host" {
		spec.Hostname, spec.Domainname = "", ""
	}
	w.travel(spec)
	spec.Linux.Sysctl = hc.Sysctls
	spec.Linux.CgroupsPath = w.CgroupPath
	spec.Annotations = hc.Annotations
	hc.Resources.Limit(spec.Linux.Resources)
	w.cover(spec, sec)
	if err := LimitBlocks(spec.Linux.Resources, hc.Resources); err != nil {
		return nil, err
	}
	if err := addDevices(spec, hc); err != nil {
		return nil, err
	}
	if spec.Mounts, err = w.mounts(root, spec.Mounts); err != nil {
		return nil, err
	}
	who, err := user.Lookup(root, w.Config.User, hc.GroupAdd)
	if err != nil {
		return nil, err
	}
	return spec, w.Process(spec.Process, who)
}

// Process completes p with the program, as whom and where it runs.
func (w Wish) Process(p *specs.Process, who user.User) error {
	p.Args = append([]string{w.Path}, w.Args...)
	if w.Init != "" {
		p.Args = pid1.Args(p.Args)
	}
	p.Env = config.Environment(w.Config, who.Home)
	p.Terminal = w.Config.Tty
	p.User = specs.User{UID: who.UID, GID: who.GID, AdditionalGids: who.Groups}
	if w.Config.WorkingDir != "" {
		p.Cwd = path.Clean(w.Config.WorkingDir)
	}
	if who.UID != 0 { // runc: a user other than root holds none but what it is given by files
		p.Capabilities.Effective, p.Capabilities.Permitted = nil, nil
	}
	sec, err := config.ParseSecurity(w.HostConfig.SecurityOpt)
	if err != nil {
		return err
	}
	p.NoNewPrivileges = sec.NoNewPrivs
	p.User.Umask = w.HostConfig.Umask
	if err := w.confine(p, sec); err != nil {
		return err
	}
	if w.HostConfig.OomScoreAdj != 0 {
		adj := w.HostConfig.OomScoreAdj
		p.OOMScoreAdj = &adj
	}
	for _, u := range w.HostConfig.Ulimits {
		p.Rlimits = append(p.Rlimits, specs.POSIXRlimit{Type: "RLIMIT_" + strings.ToUpper(u.Name), Soft: uint64(u.Soft), Hard: uint64(u.Hard)})
	}
	return nil
}

// cover says what of /proc and /sys the container may not see or write to.
func (w Wish) cover(spec *specs.Spec, sec config.Security) {
	if sec.OpenPaths {
		spec.Linux.MaskedPaths, spec.Linux.ReadonlyPaths = nil, nil
	}
	if paths := w.HostConfig.MaskedPaths; paths != nil {
		spec.Linux.MaskedPaths = *paths
		if slices.Equal(*paths, runtime.DefaultMaskedPaths()) { // what inspect shows, sent back by another create
			spec.Linux.MaskedPaths = append(runtime.DefaultMaskedPaths(), w.ThermalPaths...)
		}
	}
	if paths := w.HostConfig.ReadonlyPaths; paths != nil {
		spec.Linux.ReadonlyPaths = *paths
	}
	if sec.WritableCgroups == nil {
		return
	}
	for i, m := range spec.Mounts {
		if m.Type != "cgroup" {
			continue
		}
		options := slices.DeleteFunc(slices.Clone(m.Options), func(o string) bool { return o == "ro" })
		if !*sec.WritableCgroups {
			options = append(options, "ro")
		}
		spec.Mounts[i].Options = options
	}
}

// confine gives a process the profile and the label that the user asked for. Where the kernel does
// not have the module, there is nothing to give: config.Warnings has said so.
func (w Wish) confine(p *specs.Process, sec config.Security) error {
	if sec.AppArmor != "" && sec.AppArmor != "unconfined" && w.Modules.AppArmor && !w.HostConfig.Privileged {
		p.ApparmorProfile = sec.AppArmor
	}
	if w.Modules.SELinux && !slices.Equal(sec.Labels, []string{"disable"}) && len(sec.Labels) > 0 {
		return fault.New(fault.Unsupported, "HostConfig.SecurityOpt: labels other than label=disable are not supported on a host with SELinux")
	}
	return nil
}

// travel says which namespaces come as descriptors: the network's, and those of other
// containers.
func (w Wish) travel(spec *specs.Spec) {
	NetNSTravels(spec)
	for _, join := range []struct {
		kind specs.LinuxNamespaceType
		mode string
		name string
	}{{specs.PIDNamespace, w.HostConfig.PidMode, runtime.FdPidNS}, {specs.IPCNamespace, w.HostConfig.IpcMode, runtime.FdIPCNS}} {
		if strings.HasPrefix(join.mode, "container:") {
			come(spec, join.kind, join.name)
		}
	}
}

// come says that a namespace comes as a descriptor.
func come(spec *specs.Spec, kind specs.LinuxNamespaceType, name string) {
	for i, ns := range spec.Linux.Namespaces {
		if ns.Type == kind {
			spec.Linux.Namespaces[i].Path = "fd:" + name
		}
	}
}

// NetNSTravels says that the network namespace comes as a descriptor.
func NetNSTravels(spec *specs.Spec) { come(spec, specs.NetworkNamespace, runtime.FdNetNS) }

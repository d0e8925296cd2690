// Package ocispec makes an OCI spec of what a user asked for.
package ocispec

import (
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/container/config"
	"berth/internal/container/netfiles"
	"berth/internal/fault"
	"berth/internal/linux/mount"
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
	CgroupPath   string                            // below every hierarchy's root
	ThermalPaths []string                          // of the CPUs, which are masked
	VolumeDir    func(name string) (string, error) // where a volume lies, made when it is not there
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
	spec := runtime.DefaultSpec(runtime.Sandbox{
		Privileged: hc.Privileged, ReadonlyRoot: hc.ReadonlyRootfs, ShmSize: hc.ShmSize, Capabilities: caps,
		HostNetwork: hc.NetworkMode == "host", HostPid: hc.PidMode == "host", HostIPC: hc.IpcMode == "host", HostUTS: hc.UTSMode == "host",
		HostCgroupNS: hc.CgroupnsMode == "host", NoShm: hc.IpcMode == "none", ThermalPaths: w.ThermalPaths,
	})
	spec.Hostname, spec.Domainname = w.Config.Hostname, w.Config.Domainname
	if hc.UTSMode == "host" {
		spec.Hostname, spec.Domainname = "", ""
	}
	NetNSTravels(spec)
	spec.Linux.Sysctl = hc.Sysctls
	spec.Linux.CgroupsPath = w.CgroupPath
	hc.Resources.Limit(spec.Linux.Resources)
	if hc.MaskedPaths != nil {
		spec.Linux.MaskedPaths = *hc.MaskedPaths
	}
	if hc.ReadonlyPaths != nil {
		spec.Linux.ReadonlyPaths = *hc.ReadonlyPaths
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
	if w.HostConfig.OomScoreAdj != 0 {
		adj := w.HostConfig.OomScoreAdj
		p.OOMScoreAdj = &adj
	}
	for _, u := range w.HostConfig.Ulimits {
		p.Rlimits = append(p.Rlimits, specs.POSIXRlimit{Type: "RLIMIT_" + strings.ToUpper(u.Name), Soft: uint64(u.Soft), Hard: uint64(u.Hard)})
	}
	return nil
}

// addDevices adds the host devices that the user asked for.
func addDevices(spec *specs.Spec, hc config.HostConfig) error {
	if hc.Privileged {
		all, err := runtime.HostDevices()
		if err != nil {
			return err
		}
		spec.Linux.Devices = all
		return nil
	}
	for _, d := range hc.Devices {
		dev, err := runtime.Device(d.Host, d.Container)
		if err != nil {
			return err
		}
		spec.Linux.Devices = append(spec.Linux.Devices, dev)
		spec.Linux.Resources.Devices = append(spec.Linux.Resources.Devices, specs.LinuxDeviceCgroup{
			Allow: true, Type: dev.Type, Major: &dev.Major, Minor: &dev.Minor, Access: d.Permissions,
		})
	}
	return nil
}

// mounts puts the user's mounts, and the files of the network, behind the
// default ones; one of the user's at the same place replaces ours. Shallow ones
// come first, so that none hides another: /etc/hosts is seen in a user's /etc.
func (w Wish) mounts(root *os.File, defaults []specs.Mount) ([]specs.Mount, error) {
	list, err := w.userMounts()
	if err != nil {
		return nil, err
	}
	taken := map[string]bool{}
	for _, m := range list {
		taken[path.Clean(m.Destination)] = true
	}
	if w.HostConfig.IpcMode == "host" {
		for _, dir := range []string{"/dev/shm", "/dev/mqueue"} {
			defaults = append(defaults, specs.Mount{Destination: dir, Type: "bind", Source: dir, Options: []string{"rbind"}})
		}
	}
	defaults = slices.DeleteFunc(defaults, func(m specs.Mount) bool {
		return taken[m.Destination] || taken["/dev"] && strings.HasPrefix(m.Destination, "/dev/")
	})
	mode := "rw"
	if w.HostConfig.ReadonlyRootfs {
		mode = "ro"
	}
	for _, f := range [][2]string{{"/etc/resolv.conf", w.Files.ResolvConf}, {"/etc/hostname", w.Files.Hostname}, {"/etc/hosts", w.Files.Hosts}} {
		if !taken[f[0]] {
			list = append(list, specs.Mount{Destination: f[0], Type: "bind", Source: f[1], Options: []string{"rbind", "rprivate", mode}})
		}
	}
	slices.SortStableFunc(list, func(a, b specs.Mount) int {
		return strings.Count(path.Clean(a.Destination), "/") - strings.Count(path.Clean(b.Destination), "/")
	})
	return resolve(root, append(defaults, list...))
}

// userMounts are the mounts that the user asked for, in the order of the words.
func (w Wish) userMounts() (list []specs.Mount, err error) {
	for _, m := range w.HostConfig.Mounts {
		om, err := w.mount(m)
		if err != nil {
			return nil, err
		}
		list = append(list, om)
	}
	for _, target := range slices.Sorted(maps.Keys(w.HostConfig.Tmpfs)) {
		opts := strings.FieldsFunc(w.HostConfig.Tmpfs[target], func(r rune) bool { return r == ',' })
		list = append(list, tmpfs(target, opts))
	}
	return list, nil
}

// resolve follows the links of the image in the mounts' destinations, also
// those that lead to nothing. The engine's own mounts stay where they belong:
// a link in their place fails the start.
func resolve(root *os.File, mounts []specs.Mount) ([]specs.Mount, error) {
	for i, m := range mounts {
		if m.Type != "bind" && m.Type != "tmpfs" || strings.HasPrefix(m.Destination+"/", "/dev/") {
			continue
		}
		to, err := mount.ResolveIn(root, m.Destination)
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, err, "the mount destination %s cannot be resolved", m.Destination)
		}
		mounts[i].Destination = to
	}
	return mounts, nil
}

func (w Wish) mount(m config.Mount) (specs.Mount, error) {
	om := specs.Mount{Destination: path.Clean(m.Target), Type: "bind", Source: m.Source}
	switch m.Type {
	case "bind":
	case "volume":
		dir, err := w.VolumeDir(m.Source)
		if err != nil {
			return om, err
		}
		om.Source = dir
	case "tmpfs":
		opts := slices.Clip(m.Options) // the snapshot's, which others read
		if m.ReadOnly {
			opts = append(opts, "ro")
		}
		if m.SizeBytes > 0 {
			opts = append(opts, fmt.Sprintf("size=%d", m.SizeBytes))
		}
		if m.Mode != 0 {
			opts = append(opts, fmt.Sprintf("mode=%o", m.Mode))
		}
		return tmpfs(m.Target, opts), nil
	default:
		return om, fault.New(fault.Unsupported, "mounts of type %q are not supported yet", m.Type)
	}
	propagation := m.Propagation
	if propagation == "" {
		propagation = "rprivate"
	}
	om.Options = append([]string{"rbind", propagation}, m.Options...)
	if m.ReadOnly {
		om.Options = append(om.Options, "ro", "rro")
	}
	return om, nil
}

// tmpfs is a tmpfs mount with Docker's defaults, which the options override.
func tmpfs(target string, opts []string) specs.Mount {
	return specs.Mount{Destination: path.Clean(target), Type: "tmpfs", Source: "tmpfs",
		Options: append([]string{"noexec", "nosuid", "nodev", "rprivate"}, opts...)}
}

// NetNSTravels says that the network namespace comes as a descriptor.
func NetNSTravels(spec *specs.Spec) {
	for i, ns := range spec.Linux.Namespaces {
		if ns.Type == specs.NetworkNamespace {
			spec.Linux.Namespaces[i].Path = "fd:" + runtime.FdNetNS
		}
	}
}

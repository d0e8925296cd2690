package container

import (
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/container/config"
	"berth/internal/fault"
	"berth/internal/linux/mount"
	"berth/internal/linux/user"
	"berth/internal/runtime"
)

// spec is what the user asked for as an OCI spec. root is the container's
// mounted file system, where users and groups are looked up.
func (h *host) spec(c Container, root *os.File, ownNetwork bool) (*specs.Spec, error) {
	hc := c.HostConfig
	caps, err := config.Capabilities(hc)
	if err != nil {
		return nil, err
	}
	spec := runtime.DefaultSpec(runtime.Sandbox{
		Privileged: hc.Privileged, ReadonlyRoot: hc.ReadonlyRootfs, ShmSize: hc.ShmSize, Capabilities: caps,
		HostNetwork: !ownNetwork, HostPid: hc.PidMode == "host", HostIPC: hc.IpcMode == "host", HostUTS: hc.UTSMode == "host",
		HostCgroupNS: hc.CgroupnsMode == "host", NoShm: hc.IpcMode == "none", ThermalPaths: h.thermal(),
	})
	spec.Hostname, spec.Domainname = c.Config.Hostname, c.Config.Domainname
	if hc.UTSMode == "host" {
		spec.Hostname, spec.Domainname = "", ""
	}
	netnsTravels(spec)
	spec.Linux.Sysctl = hc.Sysctls
	spec.Linux.CgroupsPath = h.cgroupPath(c)
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
	if spec.Mounts, err = h.mounts(c, root, spec.Mounts); err != nil {
		return nil, err
	}
	who, err := user.Lookup(root, c.Config.User, hc.GroupAdd)
	if err != nil {
		return nil, err
	}
	return spec, process(spec.Process, c, who)
}

// process is the program, as whom and where it runs.
func process(p *specs.Process, c Container, who user.User) error {
	p.Args = append([]string{c.Path}, c.Args...)
	p.Env = processEnv(c, who.Home)
	p.Terminal = c.Config.Tty
	p.User = specs.User{UID: who.UID, GID: who.GID, AdditionalGids: who.Groups}
	if c.Config.WorkingDir != "" {
		p.Cwd = path.Clean(c.Config.WorkingDir)
	}
	if who.UID != 0 { // runc: a user other than root holds none but what it is given by files
		p.Capabilities.Effective, p.Capabilities.Permitted = nil, nil
	}
	sec, err := config.ParseSecurity(c.HostConfig.SecurityOpt)
	if err != nil {
		return err
	}
	p.NoNewPrivileges = sec.NoNewPrivs
	if c.HostConfig.OomScoreAdj != 0 {
		adj := c.HostConfig.OomScoreAdj
		p.OOMScoreAdj = &adj
	}
	for _, u := range c.HostConfig.Ulimits {
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
func (h *host) mounts(c Container, root *os.File, defaults []specs.Mount) ([]specs.Mount, error) {
	list, err := h.userMounts(c)
	if err != nil {
		return nil, err
	}
	taken := map[string]bool{}
	for _, m := range list {
		taken[path.Clean(m.Destination)] = true
	}
	if c.HostConfig.IpcMode == "host" {
		for _, dir := range []string{"/dev/shm", "/dev/mqueue"} {
			defaults = append(defaults, specs.Mount{Destination: dir, Type: "bind", Source: dir, Options: []string{"rbind"}})
		}
	}
	defaults = slices.DeleteFunc(defaults, func(m specs.Mount) bool {
		return taken[m.Destination] || taken["/dev"] && strings.HasPrefix(m.Destination, "/dev/")
	})
	mode := "rw"
	if c.HostConfig.ReadonlyRootfs {
		mode = "ro"
	}
	for _, f := range [][2]string{{"/etc/resolv.conf", c.ResolvConfPath}, {"/etc/hostname", c.HostnamePath}, {"/etc/hosts", c.HostsPath}} {
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
func (h *host) userMounts(c Container) (list []specs.Mount, err error) {
	for _, m := range c.HostConfig.Mounts {
		om, err := h.mount(m)
		if err != nil {
			return nil, err
		}
		list = append(list, om)
	}
	for _, target := range slices.Sorted(maps.Keys(c.HostConfig.Tmpfs)) {
		opts := strings.FieldsFunc(c.HostConfig.Tmpfs[target], func(r rune) bool { return r == ',' })
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

func (h *host) mount(m config.Mount) (specs.Mount, error) {
	om := specs.Mount{Destination: path.Clean(m.Target), Type: "bind", Source: m.Source}
	switch m.Type {
	case "bind":
	case "volume":
		dir, _, err := h.deps.Volumes.Ensure(m.Source)
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

// processEnv is the environment that the program gets (behaviour 43 of
// Docker): defaults first, then what image and user say. HOME comes last, from
// the user record, when nobody set it.
func processEnv(c Container, home string) []string {
	env := []string{"PATH=" + defaultPath}
	if c.Config.Hostname != "" {
		env = append(env, "HOSTNAME="+c.Config.Hostname)
	}
	if c.Config.Tty {
		env = append(env, "TERM=xterm")
	}
	env = config.MergeEnv(env, c.Config.Env)
	if !slices.ContainsFunc(env, func(kv string) bool { return strings.HasPrefix(kv, "HOME=") }) {
		env = append(env, "HOME="+home)
	}
	return env
}

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

package show

import (
	"cmp"
	"os"
	"strings"

	wire "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"

	"berth/internal/container"
	"berth/internal/container/config"
	"berth/internal/container/ocispec"
	"berth/internal/container/restart"
	"berth/internal/server/grammar"
)

// HostConfig shows the host's part of a container as the user gave it, with
// the defaults that Docker fills in.
func HostConfig(h *config.HostConfig) *wire.HostConfig {
	out := &wire.HostConfig{
		Binds:           h.Binds,
		LogConfig:       wire.LogConfig{Type: cmp.Or(h.LogDriver, "json-file"), Config: h.LogOptions},
		NetworkMode:     wire.NetworkMode(grammar.PlainNetwork(h.NetworkMode)),
		PortBindings:    portMap(h.PortBindings, false),
		RestartPolicy:   wire.RestartPolicy{Name: wire.RestartPolicyMode(cmp.Or(h.RestartPolicy.Name, restart.No)), MaximumRetryCount: h.RestartPolicy.Max},
		AutoRemove:      h.AutoRemove,
		Init:            h.Init,
		ConsoleSize:     h.ConsoleSize,
		CapAdd:          h.CapAdd,
		CapDrop:         h.CapDrop,
		CgroupnsMode:    wire.CgroupnsMode(cmp.Or(h.CgroupnsMode, "private")),
		DNS:             OrEmpty(h.DNS),
		DNSOptions:      OrEmpty(h.DNSOptions),
		DNSSearch:       OrEmpty(h.DNSSearch),
		ExtraHosts:      h.ExtraHosts,
		GroupAdd:        h.GroupAdd,
		IpcMode:         wire.IpcMode(cmp.Or(h.IpcMode, "private")),
		OomScoreAdj:     h.OomScoreAdj,
		PidMode:         wire.PidMode(h.PidMode),
		Privileged:      h.Privileged,
		PublishAllPorts: h.PublishAll,
		ReadonlyRootfs:  h.ReadonlyRootfs,
		Runtime:         cmp.Or(h.Runtime, container.OwnRuntime),
		SecurityOpt:     h.SecurityOpt,
		Tmpfs:           h.Tmpfs,
		UTSMode:         wire.UTSMode(h.UTSMode),
		ShmSize:         cmp.Or(h.ShmSize, 64<<20),
		Sysctls:         h.Sysctls,
		Resources:       wireResources(h),
		VolumesFrom:     h.VolumesFrom,
		VolumeDriver:    h.VolumeDriver,
		UsernsMode:      wire.UsernsMode(h.UsernsMode),
		Isolation:       wire.Isolation(h.Isolation),
		ContainerIDFile: h.IDFile,
		Annotations:     h.Annotations,
		Umask:           h.Umask,
	}
	if out.LogConfig.Config == nil {
		out.LogConfig.Config = map[string]string{}
	}
	out.MaskedPaths, out.ReadonlyPaths = ocispec.Hidden(h)
	out.Mounts = wireMounts(h)
	return out
}

// hostConfigOf is a container's, with its links as Docker shows them: /NAME:/CONTAINER/ALIAS.
func hostConfigOf(c *container.Container) *wire.HostConfig {
	out := HostConfig(&c.HostConfig)
	for _, l := range c.HostConfig.Links {
		out.Links = append(out.Links, "/"+l.Name+":/"+c.Name+"/"+l.Alias)
	}
	return out
}

// wireMounts shows the mounts of --mount: those that no -v word stands for.
func wireMounts(h *config.HostConfig) []mount.Mount {
	var out []mount.Mount
	for i := range h.Mounts {
		m := &h.Mounts[i]
		if m.Anonymous || m.From != "" || fromBind(h.Binds, m.Target) {
			continue
		}
		out = append(out, wireMount(m))
	}
	return out
}

func wireMount(m *config.Mount) mount.Mount {
	w := mount.Mount{Type: mount.Type(m.Type), Source: m.Source, Target: m.Target, ReadOnly: m.ReadOnly}
	switch m.Type {
	case "bind":
		w.BindOptions = bindOptions(m)
	case "volume":
		w.VolumeOptions = volumeOptions(m)
	case "tmpfs":
		if m.SizeBytes != 0 || m.Mode != 0 || len(m.Options) > 0 {
			w.TmpfsOptions = &mount.TmpfsOptions{SizeBytes: m.SizeBytes, Mode: os.FileMode(m.Mode)}
			for _, o := range m.Options {
				w.TmpfsOptions.Options = append(w.TmpfsOptions.Options, strings.SplitN(o, "=", 2))
			}
		}
	}
	return w
}

func volumeOptions(m *config.Mount) *mount.VolumeOptions {
	o := mount.VolumeOptions{NoCopy: m.NoCopy, Subpath: m.Subpath, Labels: m.VolumeLabels}
	if m.Driver != "" || len(m.DriverOptions) > 0 {
		o.DriverConfig = &mount.Driver{Name: m.Driver, Options: m.DriverOptions}
	}
	if !o.NoCopy && o.Subpath == "" && len(o.Labels) == 0 && o.DriverConfig == nil {
		return nil
	}
	return &o
}

func bindOptions(m *config.Mount) *mount.BindOptions {
	o := mount.BindOptions{
		Propagation: mount.Propagation(m.Propagation), CreateMountpoint: m.Create, NonRecursive: m.NonRecursive,
		ReadOnlyNonRecursive: m.ReadOnlyTop, ReadOnlyForceRecursive: m.ReadOnlyAll,
	}
	if o == (mount.BindOptions{}) {
		return nil
	}
	return &o
}

func fromBind(binds []string, target string) bool {
	for _, word := range binds {
		if m, err := grammar.ParseBind(word); err == nil && m.Target == target {
			return true
		}
	}
	return false
}

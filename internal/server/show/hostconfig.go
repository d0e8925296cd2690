package show

import (
	"cmp"

	wire "github.com/moby/moby/api/types/container"

	"berth/internal/container"
	"berth/internal/container/config"
	"berth/internal/container/ocispec"
	"berth/internal/container/restart"
	"berth/internal/server/grammar"
)

// HostConfig shows the host's part of a container as the user gave it, with
// the defaults that Docker fills in.
func HostConfig(h *config.HostConfig) *ShownHostConfig {
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
		StorageOpt:      h.StorageOpt,
	}
	if out.LogConfig.Config == nil {
		out.LogConfig.Config = map[string]string{}
	}
	out.MaskedPaths, out.ReadonlyPaths = ocispec.Hidden(h)
	return &ShownHostConfig{out, wireMounts(h)}
}

// hostConfigOf is a container's, with its links as Docker shows them: /NAME:/CONTAINER/ALIAS.
func hostConfigOf(c *container.Container) *ShownHostConfig {
	out := HostConfig(&c.HostConfig)
	for _, l := range c.HostConfig.Links {
		out.Links = append(out.Links, "/"+l.Name+":/"+c.Name+"/"+l.Alias)
	}
	return out
}

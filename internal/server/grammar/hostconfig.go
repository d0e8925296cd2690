package grammar

import (
	"net/netip"
	"strings"

	wire "github.com/moby/moby/api/types/container"

	"berth/internal/container/config"
	"berth/internal/container/restart"
	"berth/internal/fault"
)

// takeHostConfig moves the host's part of a container out of from and refuses the rest.
func takeHostConfig(body *HostConfig, to *config.HostConfig) error {
	from := &body.HostConfig
	*to = config.HostConfig{
		AutoRemove:     take(&from.AutoRemove),
		RestartPolicy:  restartPolicy(take(&from.RestartPolicy)),
		Init:           take(&from.Init),
		Binds:          take(&from.Binds),
		Tmpfs:          take(&from.Tmpfs),
		NetworkMode:    string(take(&from.NetworkMode)),
		PublishAll:     take(&from.PublishAllPorts),
		DNS:            take(&from.DNS),
		DNSOptions:     take(&from.DNSOptions),
		DNSSearch:      take(&from.DNSSearch),
		ExtraHosts:     take(&from.ExtraHosts),
		CapAdd:         take(&from.CapAdd),
		CapDrop:        take(&from.CapDrop),
		GroupAdd:       take(&from.GroupAdd),
		Privileged:     take(&from.Privileged),
		ReadonlyRootfs: take(&from.ReadonlyRootfs),
		SecurityOpt:    take(&from.SecurityOpt),
		IpcMode:        string(take(&from.IpcMode)),
		PidMode:        string(take(&from.PidMode)),
		UTSMode:        string(take(&from.UTSMode)),
		CgroupnsMode:   string(take(&from.CgroupnsMode)),
		CgroupParent:   take(&from.CgroupParent),
		Runtime:        take(&from.Runtime),
		ShmSize:        take(&from.ShmSize),
		OomScoreAdj:    take(&from.OomScoreAdj),
		Sysctls:        take(&from.Sysctls),
		ConsoleSize:    take(&from.ConsoleSize),
		LogDriver:      take(&from.LogConfig.Type),
		LogOptions:     take(&from.LogConfig.Config),
		MaskedPaths:    pathList(take(&from.MaskedPaths)),
		ReadonlyPaths:  pathList(take(&from.ReadonlyPaths)),
		Resources:      takeResources(&from.Resources),
		VolumesFrom:    take(&from.VolumesFrom),
		VolumeDriver:   take(&from.VolumeDriver),
		UsernsMode:     string(take(&from.UsernsMode)),
		Isolation:      string(take(&from.Isolation)),
		IDFile:         take(&from.ContainerIDFile),
		Annotations:    take(&from.Annotations),
		DeviceRules:    take(&from.DeviceCgroupRules),
		Umask:          take(&from.Umask),
		StorageOpt:     take(&from.StorageOpt),
	}
	if err := takeMounts(body, to); err != nil {
		return err
	}
	for _, step := range []func(*wire.HostConfig, *config.HostConfig) error{takePorts, takeDevices, takeUlimits, checkExtraHosts, takeLinks, refuseOthers} {
		if err := step(from, to); err != nil {
			return err
		}
	}
	return refuseRest("HostConfig", from)
}

func takeResources(from *wire.Resources) config.Resources {
	return config.Resources{
		Memory:            take(&from.Memory),
		MemorySwap:        take(&from.MemorySwap),
		MemoryReservation: take(&from.MemoryReservation),
		MemorySwappiness:  take(&from.MemorySwappiness),
		OomKillDisable:    isTrue(take(&from.OomKillDisable)),
		NanoCPUs:          take(&from.NanoCPUs),
		CPUShares:         take(&from.CPUShares),
		CPUPeriod:         take(&from.CPUPeriod),
		CPUQuota:          take(&from.CPUQuota),
		CPURTPeriod:       take(&from.CPURealtimePeriod),
		CPURTRuntime:      take(&from.CPURealtimeRuntime),
		CpusetCpus:        take(&from.CpusetCpus),
		CpusetMems:        take(&from.CpusetMems),
		PidsLimit:         pidsLimit(take(&from.PidsLimit)),
		BlkioWeight:       take(&from.BlkioWeight),
		BlkioWeights:      weights(take(&from.BlkioWeightDevice)),
		BlkioReadBps:      rates(take(&from.BlkioDeviceReadBps)),
		BlkioWriteBps:     rates(take(&from.BlkioDeviceWriteBps)),
		BlkioReadIOps:     rates(take(&from.BlkioDeviceReadIOps)),
		BlkioWriteIOps:    rates(take(&from.BlkioDeviceWriteIOps)),
	}
}

// restartPolicy gives the default's two names one.
func restartPolicy(p wire.RestartPolicy) restart.Policy {
	if p.IsNone() && p.MaximumRetryCount == 0 {
		return restart.Policy{}
	}
	return restart.Policy{Name: string(p.Name), Max: p.MaximumRetryCount}
}

func isTrue(p *bool) bool { return p != nil && *p }

func pidsLimit(p *int64) int64 {
	if p == nil {
		return 0
	}
	return *p
}

// pathList tells the default (null) from an empty list, which clears the default.
func pathList(list []string) *[]string {
	if list == nil {
		return nil
	}
	return &list
}

func checkExtraHosts(_ *wire.HostConfig, to *config.HostConfig) error {
	for _, host := range to.ExtraHosts {
		if err := checkExtraHost(host); err != nil {
			return err
		}
	}
	return nil
}

// checkExtraHost checks name:address; host-gateway stands for the bridge's address.
func checkExtraHost(word string) error {
	name, addr, ok := strings.Cut(word, ":")
	if !ok || name == "" {
		return fault.New(fault.Invalid, "bad format for add-host: %q", word)
	}
	if addr == "host-gateway" {
		return nil
	}
	if _, err := netip.ParseAddr(strings.Trim(addr, "[]")); err != nil {
		return fault.New(fault.Invalid, "invalid IP address in add-host: %q", addr)
	}
	return nil
}

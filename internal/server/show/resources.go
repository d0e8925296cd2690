package show

import (
	"github.com/moby/moby/api/types/blkiodev"
	wire "github.com/moby/moby/api/types/container"

	"berth/internal/container/config"
)

// wireResources shows the limits of a container, those that it has by default filled in.
func wireResources(h *config.HostConfig) wire.Resources {
	r := &h.Resources
	out := wire.Resources{
		CPUShares:            r.CPUShares,
		Memory:               r.Memory,
		NanoCPUs:             r.NanoCPUs,
		CgroupParent:         h.CgroupParent,
		BlkioWeight:          r.BlkioWeight,
		BlkioWeightDevice:    []*blkiodev.WeightDevice{},
		BlkioDeviceReadBps:   wireRates(r.BlkioReadBps),
		BlkioDeviceWriteBps:  wireRates(r.BlkioWriteBps),
		BlkioDeviceReadIOps:  wireRates(r.BlkioReadIOps),
		BlkioDeviceWriteIOps: wireRates(r.BlkioWriteIOps),
		CPUPeriod:            r.CPUPeriod,
		CPUQuota:             r.CPUQuota,
		CPURealtimePeriod:    r.CPURTPeriod,
		CPURealtimeRuntime:   r.CPURTRuntime,
		CpusetCpus:           r.CpusetCpus,
		CpusetMems:           r.CpusetMems,
		Devices:              []wire.DeviceMapping{},
		DeviceCgroupRules:    h.DeviceRules,
		MemoryReservation:    r.MemoryReservation,
		MemorySwap:           r.MemorySum(),
		MemorySwappiness:     r.MemorySwappiness,
		OomKillDisable:       &r.OomKillDisable,
	}
	if r.PidsLimit != 0 {
		out.PidsLimit = &r.PidsLimit
	}
	for _, d := range r.BlkioWeights {
		out.BlkioWeightDevice = append(out.BlkioWeightDevice, &blkiodev.WeightDevice{Path: d.Path, Weight: d.Weight})
	}
	for _, d := range h.Devices {
		out.Devices = append(out.Devices, wire.DeviceMapping{PathOnHost: d.Host, PathInContainer: d.Container, CgroupPermissions: d.Permissions})
	}
	for _, u := range h.Ulimits {
		out.Ulimits = append(out.Ulimits, &wire.Ulimit{Name: u.Name, Soft: u.Soft, Hard: u.Hard})
	}
	return out
}

func wireRates(from []config.DeviceRate) []*blkiodev.ThrottleDevice {
	to := []*blkiodev.ThrottleDevice{}
	for _, d := range from {
		to = append(to, &blkiodev.ThrottleDevice{Path: d.Path, Rate: d.Rate})
	}
	return to
}

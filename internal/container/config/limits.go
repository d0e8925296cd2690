package config

import "github.com/opencontainers/runtime-spec/specs-go"

// cpuPeriod is the period in which --cpus is granted, in microseconds.
const cpuPeriod = 100_000

// Limit writes the limits into those of a control group.
func (lim Resources) Limit(r *specs.LinuxResources) {
	if lim.Memory > 0 || lim.MemoryReservation > 0 {
		r.Memory = &specs.LinuxMemory{}
		if lim.Memory > 0 {
			swap := lim.MemorySwap
			if swap == 0 {
				swap = 2 * lim.Memory
			}
			r.Memory.Limit, r.Memory.Swap = &lim.Memory, &swap
		}
		if lim.MemoryReservation > 0 {
			r.Memory.Reservation = &lim.MemoryReservation
		}
	}
	cpu := &specs.LinuxCPU{Cpus: lim.CpusetCpus, Mems: lim.CpusetMems}
	if lim.CPUShares > 0 {
		shares := uint64(lim.CPUShares)
		cpu.Shares = &shares
	}
	quota, period := lim.CPUQuota, uint64(lim.CPUPeriod)
	if lim.NanoCPUs > 0 {
		period = cpuPeriod
		quota = lim.NanoCPUs * cpuPeriod / 1e9
	}
	if quota != 0 {
		cpu.Quota = &quota
	}
	if period != 0 {
		cpu.Period = &period
	}
	if cpu.Shares != nil || cpu.Quota != nil || cpu.Period != nil || cpu.Cpus != "" || cpu.Mems != "" {
		r.CPU = cpu
	}
	if lim.PidsLimit > 0 {
		r.Pids = &specs.LinuxPids{Limit: &lim.PidsLimit}
	}
}

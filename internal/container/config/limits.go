package config

import "github.com/opencontainers/runtime-spec/specs-go"

// cpuPeriod is the period in which --cpus is granted, in microseconds.
const cpuPeriod = 100_000

// Limit writes the limits into those of a control group, but for those on single block
// devices, which have to be looked at: see package ocispec.
func (lim Resources) Limit(r *specs.LinuxResources) {
	if m := lim.memory(); *m != (specs.LinuxMemory{}) {
		r.Memory = m
	}
	if c := lim.cpu(); *c != (specs.LinuxCPU{}) {
		r.CPU = c
	}
	if lim.PidsLimit > 0 {
		r.Pids = &specs.LinuxPids{Limit: &lim.PidsLimit}
	}
	if lim.BlkioWeight > 0 {
		r.BlockIO = &specs.LinuxBlockIO{Weight: &lim.BlkioWeight}
	}
}

// MemorySum is the limit on memory and swap together that is in force; -1 is none, and 0 is
// that nobody has said anything.
func (lim Resources) MemorySum() int64 {
	if lim.MemorySwap == 0 && lim.Memory > 0 {
		return 2 * lim.Memory
	}
	return lim.MemorySwap
}

func (lim Resources) memory() *specs.LinuxMemory {
	m := &specs.LinuxMemory{}
	if sum := lim.MemorySum(); lim.Memory > 0 {
		m.Limit, m.Swap = &lim.Memory, &sum
	}
	if lim.MemoryReservation > 0 {
		m.Reservation = &lim.MemoryReservation
	}
	if s := lim.MemorySwappiness; s != nil && *s >= 0 {
		swappiness := uint64(*s)
		m.Swappiness = &swappiness
	}
	if lim.OomKillDisable {
		m.DisableOOMKiller = &lim.OomKillDisable
	}
	return m
}

func (lim Resources) cpu() *specs.LinuxCPU {
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
	if lim.CPURTPeriod > 0 {
		rt := uint64(lim.CPURTPeriod)
		cpu.RealtimePeriod = &rt
	}
	if lim.CPURTRuntime > 0 {
		cpu.RealtimeRuntime = &lim.CPURTRuntime
	}
	return cpu
}

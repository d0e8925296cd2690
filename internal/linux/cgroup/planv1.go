package cgroup

import (
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/fault"
)

// Sources: Documentation/admin-guide/cgroup-v1/{memory,blkio-controller}.rst,
// Documentation/scheduler/sched-{bwc,rt-group}.rst.

func (p *planner) memoryV1(m *specs.LinuxMemory) error {
	limit, swap := set(m.Limit), set(m.Swap)
	if limit == -1 && swap == 0 {
		swap = -1 // no limit on memory alone would still leave one on the sum
	}
	if limit > 0 && swap > 0 && swap < limit {
		return swapBelow()
	}
	if m.UseHierarchy != nil {
		p.add("memory", "memory.use_hierarchy", bit(*m.UseHierarchy))
	}
	// The sum is at least the limit at all times. Both may go up or down.
	if limit != 0 {
		p.add("memory", "memory.limit_in_bytes", limit).again = swap != 0
	}
	if swap != 0 {
		p.add("memory", "memory.memsw.limit_in_bytes", swap).optional = swap == -1 || swap == 2*limit
	}
	if v := set(m.Reservation); v != 0 {
		p.add("memory", "memory.soft_limit_in_bytes", v)
	}
	if v := set(m.KernelTCP); v != 0 {
		p.add("memory", "memory.kmem.tcp.limit_in_bytes", v).optional = v == -1
	}
	if m.DisableOOMKiller != nil {
		p.add("memory", "memory.oom_control", bit(*m.DisableOOMKiller))
	}
	if m.Swappiness == nil || int64(*m.Swappiness) == -1 {
		return nil
	}
	if *m.Swappiness > 100 {
		return fault.New(fault.Invalid, "invalid value: %d. valid memory swappiness range is 0-100", *m.Swappiness)
	}
	p.add("memory", "memory.swappiness", *m.Swappiness)
	return nil
}

func bit(on bool) int {
	if on {
		return 1
	}
	return 0
}

func (p *planner) cpuV1(c *specs.LinuxCPU) error {
	shares := set(c.Shares)
	// The kernel would take the nearest value that it likes, without a word.
	if shares == 1 {
		return fault.New(fault.Invalid, "the minimum allowed cpu-shares is 2")
	}
	if shares > 262144 {
		return fault.New(fault.Invalid, "the maximum allowed cpu-shares is 262144")
	}
	p.idle(c, "cpu.shares", shares)
	quota := set(c.Quota)
	if v := set(c.Period); v != 0 {
		p.add("cpu", "cpu.cfs_period_us", v).again = quota != 0
	}
	if c.Burst != nil {
		p.add("cpu", "cpu.cfs_burst_us", *c.Burst).again = quota != 0
	}
	if quota != 0 {
		p.add("cpu", "cpu.cfs_quota_us", quota)
	}
	runtime := set(c.RealtimeRuntime)
	if v := set(c.RealtimePeriod); v != 0 {
		p.add("cpu", "cpu.rt_period_us", v).again = runtime != 0
	}
	if runtime != 0 {
		p.add("cpu", "cpu.rt_runtime_us", runtime)
	}
	return nil
}

// idle writes a weight on the side of cpu.idle where the group is not idle: an
// idle one's cannot be set.
func (p *planner) idle(c *specs.LinuxCPU, file string, weight uint64) {
	if c.Idle != nil && *c.Idle == 0 {
		p.add("cpu", "cpu.idle", 0)
	}
	if weight != 0 {
		p.add("cpu", file, weight)
	}
	if c.Idle != nil && *c.Idle != 0 {
		p.add("cpu", "cpu.idle", *c.Idle)
	}
}

// blockV1 names the files of the CFQ scheduler, which Linux had until 4.20, before those of BFQ.
func (p *planner) blockV1(b *specs.LinuxBlockIO) {
	weight := func(file, bfq, value string) {
		s := p.add("blkio", file, value)
		if bfq != "" {
			s.instead = &step{controller: "blkio", file: bfq, value: value}
		}
	}
	if b.Weight != nil && *b.Weight != 0 {
		weight("blkio.weight", "blkio.bfq.weight", fmt.Sprint(*b.Weight))
	}
	if b.LeafWeight != nil && *b.LeafWeight != 0 {
		weight("blkio.leaf_weight", "", fmt.Sprint(*b.LeafWeight))
	}
	for _, d := range b.WeightDevice {
		if d.Weight != nil && *d.Weight != 0 {
			weight("blkio.weight_device", "blkio.bfq.weight_device", fmt.Sprintf("%d:%d %d", d.Major, d.Minor, *d.Weight))
		}
		if d.LeafWeight != nil && *d.LeafWeight != 0 {
			weight("blkio.leaf_weight_device", "", fmt.Sprintf("%d:%d %d", d.Major, d.Minor, *d.LeafWeight))
		}
	}
	for _, t := range throttles(b) {
		for _, d := range t.list {
			p.add("blkio", t.v1, fmt.Sprintf("%d:%d %d", d.Major, d.Minor, d.Rate))
		}
	}
}

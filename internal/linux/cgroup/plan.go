package cgroup

import (
	"fmt"
	"strconv"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/fault"
)

// step is one value to write.
type step struct {
	controller string
	file       string
	value      string
	// optional: kernels lack the file where swap is not accounted, and the
	// value only says what holds without it.
	optional bool
}

func (s step) String() string { return fmt.Sprintf("%s %s = %s", s.controller, s.file, s.value) }

// steps collects values to write.
type steps []step

func (s *steps) add(controller, file string, value any) {
	*s = append(*s, step{controller: controller, file: file, value: fmt.Sprint(value)})
}

// plan decides what to write for r, devices apart, in the order that the
// kernel needs on a fresh group. It touches nothing.
func plan(v Version, r *specs.LinuxResources) (steps, error) {
	var out steps
	if r == nil {
		return nil, nil
	}
	if err := rdma(&out, r.Rdma); err != nil {
		return nil, err
	}
	if v == V2 {
		err := planV2(&out, r)
		return out, err
	}
	if len(r.Unified) > 0 {
		return nil, fault.New(fault.Invalid, "The unified resources need cgroup version 2, which this host does not use.")
	}
	err := planV1(&out, r)
	return out, err
}

func planV1(out *steps, r *specs.LinuxResources) error {
	if err := memoryV1(out, r.Memory); err != nil {
		return err
	}
	cpuV1(out, r.CPU)
	cpuset(out, r.CPU)
	pids(out, r.Pids)
	blockV1(out, r.BlockIO)
	for _, h := range r.HugepageLimits {
		out.add("hugetlb", "hugetlb."+h.Pagesize+".limit_in_bytes", h.Limit)
	}
	if n := r.Network; n != nil {
		if n.ClassID != nil && *n.ClassID != 0 {
			out.add("net_cls", "net_cls.classid", *n.ClassID)
		}
		for _, p := range n.Priorities {
			out.add("net_prio", "net_prio.ifpriomap", fmt.Sprintf("%s %d", p.Name, p.Priority))
		}
	}
	return nil
}

func memoryV1(out *steps, m *specs.LinuxMemory) error {
	if m == nil {
		return nil
	}
	limit, swap := set(m.Limit), set(m.Swap)
	if limit == -1 && swap == 0 {
		swap = -1 // no limit on memory alone would still leave one on the sum
	}
	if limit > 0 && swap > 0 && swap < limit {
		return swapBelow()
	}
	if limit != 0 {
		out.add("memory", "memory.limit_in_bytes", limit)
	}
	if swap != 0 {
		out.add("memory", "memory.memsw.limit_in_bytes", swap)
		(*out)[len(*out)-1].optional = swap == -1 || swap == 2*limit
	}
	if v := set(m.Reservation); v != 0 {
		out.add("memory", "memory.soft_limit_in_bytes", v)
	}
	if v := set(m.KernelTCP); v != 0 {
		out.add("memory", "memory.kmem.tcp.limit_in_bytes", v)
	}
	if m.DisableOOMKiller != nil && *m.DisableOOMKiller {
		out.add("memory", "memory.oom_control", 1)
	}
	if m.Swappiness != nil {
		out.add("memory", "memory.swappiness", *m.Swappiness)
	}
	return nil
}

func cpuV1(out *steps, c *specs.LinuxCPU) {
	if c == nil {
		return
	}
	if v := set(c.Shares); v != 0 {
		out.add("cpu", "cpu.shares", v)
	}
	// The period first: a quota is checked against it. The burst of a group
	// without a quota must be 0, so it comes last.
	if v := set(c.Period); v != 0 {
		out.add("cpu", "cpu.cfs_period_us", v)
	}
	if v := set(c.Quota); v != 0 {
		out.add("cpu", "cpu.cfs_quota_us", v)
	}
	if c.Burst != nil {
		out.add("cpu", "cpu.cfs_burst_us", *c.Burst)
	}
	if v := set(c.RealtimePeriod); v != 0 {
		out.add("cpu", "cpu.rt_period_us", v)
	}
	if v := set(c.RealtimeRuntime); v != 0 {
		out.add("cpu", "cpu.rt_runtime_us", v)
	}
	if c.Idle != nil {
		out.add("cpu", "cpu.idle", *c.Idle)
	}
}

// cpuset is alike in both versions.
func cpuset(out *steps, c *specs.LinuxCPU) {
	if c != nil && c.Cpus != "" {
		out.add("cpuset", "cpuset.cpus", c.Cpus)
	}
	if c != nil && c.Mems != "" {
		out.add("cpuset", "cpuset.mems", c.Mems)
	}
}

// pids is alike in both versions; 0 and less mean no limit, as in Docker.
func pids(out *steps, p *specs.LinuxPids) {
	if p == nil || p.Limit == nil {
		return
	}
	out.add("pids", "pids.max", unlimited(*p.Limit))
}

func blockV1(out *steps, b *specs.LinuxBlockIO) {
	if b == nil {
		return
	}
	if b.Weight != nil && *b.Weight != 0 {
		out.add("blkio", "blkio.weight", *b.Weight)
	}
	for _, d := range b.WeightDevice {
		if d.Weight != nil {
			out.add("blkio", "blkio.weight_device", fmt.Sprintf("%d:%d %d", d.Major, d.Minor, *d.Weight))
		}
	}
	for _, t := range []struct {
		file string
		list []specs.LinuxThrottleDevice
	}{
		{"blkio.throttle.read_bps_device", b.ThrottleReadBpsDevice}, {"blkio.throttle.write_bps_device", b.ThrottleWriteBpsDevice},
		{"blkio.throttle.read_iops_device", b.ThrottleReadIOPSDevice}, {"blkio.throttle.write_iops_device", b.ThrottleWriteIOPSDevice},
	} {
		for _, d := range t.list {
			out.add("blkio", t.file, fmt.Sprintf("%d:%d %d", d.Major, d.Minor, d.Rate))
		}
	}
}

// set is *p, or 0 when nil: OCI and Docker treat both as "not asked for".
func set[T int64 | uint64](p *T) T {
	if p == nil {
		return 0
	}
	return *p
}

// unlimited writes v, or "max" for a value that is not positive.
func unlimited(v int64) string {
	if v <= 0 {
		return "max"
	}
	return strconv.FormatInt(v, 10)
}

func swapBelow() error {
	return fault.New(fault.Invalid, "Minimum memoryswap limit should be larger than memory limit, see usage")
}

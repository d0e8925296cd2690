package cgroup

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/fault"
)

func planV2(out *steps, r *specs.LinuxResources) error {
	if err := memoryV2(out, r.Memory); err != nil {
		return err
	}
	cpuV2(out, r.CPU)
	cpuset(out, r.CPU)
	pids(out, r.Pids)
	blockV2(out, r.BlockIO)
	for _, h := range r.HugepageLimits {
		out.add("hugetlb", "hugetlb."+h.Pagesize+".max", h.Limit)
	}
	// net_cls and net_prio have no successor in version 2, as with runc they are dropped.
	for _, name := range slices.Sorted(maps.Keys(r.Unified)) {
		if strings.ContainsAny(name, "/\x00") || !strings.Contains(name, ".") {
			return fault.New(fault.Invalid, "%q is not a file of a control group.", name)
		}
		out.add(name[:strings.Index(name, ".")], name, r.Unified[name])
	}
	return nil
}

// memoryV2 drops swappiness and the OOM killer's switch, which version 2 does
// not have.
func memoryV2(out *steps, m *specs.LinuxMemory) error {
	if m == nil {
		return nil
	}
	limit := set(m.Limit)
	swap, err := swapV2(limit, set(m.Swap))
	if err != nil {
		return err
	}
	if swap != "" {
		out.add("memory", "memory.swap.max", swap)
		(*out)[len(*out)-1].optional = swap == "max" || set(m.Swap) == 2*limit
	}
	if limit != 0 {
		out.add("memory", "memory.max", unlimited(limit))
	}
	if v := set(m.Reservation); v != 0 {
		out.add("memory", "memory.low", unlimited(v))
	}
	return nil
}

// swapV2 turns the limit on memory and swap together into one on swap alone.
// Empty means that there is nothing to set.
func swapV2(limit, both int64) (string, error) {
	switch {
	case both == -1, limit == -1 && both == 0:
		return "max", nil
	case both == 0:
		return "", nil
	case limit <= 0:
		return "", fault.New(fault.Invalid, "You should always set the Memory limit when using Memoryswap limit, see usage")
	case both < limit:
		return "", swapBelow()
	}
	return fmt.Sprint(both - limit), nil
}

func cpuV2(out *steps, c *specs.LinuxCPU) {
	if c == nil {
		return
	}
	if v := set(c.Shares); v != 0 {
		out.add("cpu", "cpu.weight", weight(v))
	}
	if quota, period := set(c.Quota), set(c.Period); quota != 0 || period != 0 {
		if period == 0 {
			period = 100000 // the kernel's own
		}
		out.add("cpu", "cpu.max", fmt.Sprintf("%s %d", unlimited(quota), period))
	}
	if c.Burst != nil {
		out.add("cpu", "cpu.max.burst", *c.Burst)
	}
	if c.Idle != nil {
		out.add("cpu", "cpu.idle", *c.Idle)
	}
}

// weight maps version 1 shares (2 to 262144, default 1024) to weights (1 to
// 10000, default 100) by the curve of github.com/opencontainers/cgroups,
// which hits both ends and both defaults.
func weight(shares uint64) uint64 {
	switch {
	case shares <= 2:
		return 1
	case shares >= 262144:
		return 10000
	}
	l := math.Log2(float64(shares))
	return uint64(math.Ceil(math.Pow(10, (l*l+125*l)/612-7.0/34)))
}

func blockV2(out *steps, b *specs.LinuxBlockIO) {
	if b == nil {
		return
	}
	if b.Weight != nil && *b.Weight != 0 {
		out.add("io", "io.weight", blockWeight(*b.Weight))
	}
	for _, d := range b.WeightDevice {
		if d.Weight != nil {
			out.add("io", "io.weight", fmt.Sprintf("%d:%d %d", d.Major, d.Minor, blockWeight(*d.Weight)))
		}
	}
	for _, t := range []struct {
		key  string
		list []specs.LinuxThrottleDevice
	}{
		{"rbps", b.ThrottleReadBpsDevice}, {"wbps", b.ThrottleWriteBpsDevice},
		{"riops", b.ThrottleReadIOPSDevice}, {"wiops", b.ThrottleWriteIOPSDevice},
	} {
		for _, d := range t.list {
			out.add("io", "io.max", fmt.Sprintf("%d:%d %s=%d", d.Major, d.Minor, t.key, d.Rate))
		}
	}
}

// blockWeight maps 10..1000 to 1..10000.
func blockWeight(w uint16) uint64 {
	return 1 + (uint64(max(w, 10))-10)*9999/990
}

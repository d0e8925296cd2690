package cgroup

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/fault"
)

// memoryV2 leaves out what version 2 does not have when the request says no
// more than what holds anyway, as callers do who always fill in everything.
func (p *planner) memoryV2(m *specs.LinuxMemory) error {
	switch {
	case m.Swappiness != nil && int64(*m.Swappiness) > 0:
		return missingOnV2("memory.swappiness")
	case m.DisableOOMKiller != nil && *m.DisableOOMKiller:
		return missingOnV2("memory.disableOOMKiller")
	case m.UseHierarchy != nil && !*m.UseHierarchy:
		return fault.New(fault.Unsupported, "linux.resources.memory.useHierarchy cannot be false on cgroup version 2, which always counts the groups below.")
	case set(m.KernelTCP) > 0:
		return missingOnV2("memory.kernelTCP")
	}
	limit, both := set(m.Limit), set(m.Swap)
	if err := p.fits(m, limit, both); err != nil {
		return err
	}
	swap, err := swapV2(p.basis(limit, both), both)
	if err != nil {
		return err
	}
	if swap != "" {
		// Without the file nobody swaps, or nobody counts.
		p.add("memory", "memory.swap.max", swap).optional = swap == "max" || swap == "0" || both == 2*limit
	}
	if limit != 0 {
		p.add("memory", "memory.max", unlimited(limit))
	}
	if v := set(m.Reservation); v != 0 {
		p.add("memory", "memory.low", unlimited(v))
	}
	return nil
}

// fits refuses limits that would kill at once, when the caller wants that looked
// at. Version 1 looks by itself.
func (p *planner) fits(m *specs.LinuxMemory, limit, both int64) error {
	if m.CheckBeforeUpdate == nil || !*m.CheckBeforeUpdate || limit <= 0 && both <= 0 {
		return nil
	}
	used, err := strconv.ParseInt(p.holds("memory", "memory.current"), 10, 64)
	switch {
	case err != nil: // nothing is used yet
	case both > 0 && both <= used:
		return fault.New(fault.Conflict, "rejecting memory+swap limit %d <= usage %d", both, used)
	case limit > 0 && limit <= used:
		return fault.New(fault.Conflict, "rejecting memory limit %d <= usage %d", limit, used)
	}
	return nil
}

// basis is the limit on memory by which a sum is reckoned: the one that the group
// has when the request has none.
func (p *planner) basis(limit, both int64) int64 {
	if limit != 0 || both <= 0 {
		return limit
	}
	text := p.holds("memory", "memory.max")
	if text == "max" {
		return -1
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// swapV2 turns the limit on memory and swap together into one on swap alone.
// Empty means that there is nothing to set. Without a limit on memory the sum is swap's
// alone, as runc has it.
func swapV2(limit, both int64) (string, error) {
	switch {
	case both == -1, limit == -1 && both == 0:
		return "max", nil
	case both == 0:
		return "", nil
	case limit == -1:
		return fmt.Sprint(both), nil
	case limit == 0:
		return "", fault.New(fault.Invalid, "You should always set the Memory limit when using Memoryswap limit, see usage")
	case both < limit:
		return "", swapBelow()
	}
	return fmt.Sprint(both - limit), nil
}

func (p *planner) cpuV2(c *specs.LinuxCPU) error {
	if set(c.RealtimeRuntime) != 0 || set(c.RealtimePeriod) != 0 {
		return missingOnV2("cpu.realtimeRuntime and realtimePeriod")
	}
	var w uint64
	if v := set(c.Shares); v != 0 {
		w = weight(v)
	}
	p.idle(c, "cpu.weight", w)
	quota, period := set(c.Quota), set(c.Period)
	if c.Burst != nil {
		p.add("cpu", "cpu.max.burst", *c.Burst).again = quota != 0
	}
	switch {
	case quota != 0 && period != 0:
		p.add("cpu", "cpu.max", fmt.Sprintf("%s %d", unlimited(quota), period))
	case quota != 0: // the period stays, and who hears of the quota hears of it too
		_, have, _ := strings.Cut(p.holds("cpu", "cpu.max"), " ")
		p.add("cpu", "cpu.max", strings.TrimSpace(unlimited(quota)+" "+have))
	case period != 0: // the quota stays
		have, _, _ := strings.Cut(p.holds("cpu", "cpu.max"), " ")
		if have == "" {
			have = "max"
		}
		p.add("cpu", "cpu.max", fmt.Sprintf("%s %d", have, period))
	}
	return nil
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

// blockV2 weighs with BFQ, whose weights are OCI's, or else with the cost controller.
func (p *planner) blockV2(b *specs.LinuxBlockIO) error {
	weigh := func(device string, w uint16) {
		s := p.add("io", "io.bfq.weight", device+fmt.Sprint(w))
		s.instead = &step{controller: "io", file: "io.weight", value: device + fmt.Sprint(blockWeight(w))}
	}
	if b.LeafWeight != nil && *b.LeafWeight != 0 {
		return missingOnV2("blockIO.leafWeight")
	}
	if b.Weight != nil && *b.Weight != 0 {
		weigh("", *b.Weight)
	}
	for _, d := range b.WeightDevice {
		if d.LeafWeight != nil && *d.LeafWeight != 0 {
			return missingOnV2("blockIO.weightDevice.leafWeight")
		}
		if d.Weight != nil && *d.Weight != 0 {
			weigh(fmt.Sprintf("%d:%d ", d.Major, d.Minor), *d.Weight)
		}
	}
	for _, t := range throttles(b) {
		for _, d := range t.list {
			rate := fmt.Sprint(d.Rate)
			if d.Rate == 0 {
				rate = "max" // what 0 means on version 1
			}
			p.add("io", "io.max", fmt.Sprintf("%d:%d %s=%s", d.Major, d.Minor, t.v2, rate))
		}
	}
	return nil
}

// blockWeight maps 10..1000 to 1..10000.
func blockWeight(w uint16) uint64 {
	return 1 + (uint64(max(w, 10))-10)*9999/990
}

//go:build linux

// Package stats is the form in which runc's `events` prints what a container uses, and in
// which engines parse it.
package stats

import "berth/internal/linux/cgroup/stat"

// Stats is the data of one event. What the host does not count is left out or 0.
type Stats struct {
	CPU     CPU             `json:"cpu"`
	Memory  Memory          `json:"memory"`
	Pids    Pids            `json:"pids"`
	BlockIO Block           `json:"blkio"`
	Huge    map[string]Huge `json:"hugetlb"`
}

// CPU is in nanoseconds.
type CPU struct {
	Usage      Usage      `json:"usage,omitempty"`
	Throttling Throttling `json:"throttling,omitempty"`
	Pressure   *Pressure  `json:"psi,omitempty"`
}

// Usage is the time that was spent.
type Usage struct {
	Total     uint64   `json:"total,omitempty"`
	PerCPU    []uint64 `json:"percpu,omitempty"`
	PerKernel []uint64 `json:"percpu_kernel,omitempty"`
	PerUser   []uint64 `json:"percpu_user,omitempty"`
	Kernel    uint64   `json:"kernel"`
	User      uint64   `json:"user"`
}

// Throttling is what the quota did.
type Throttling struct {
	Periods          uint64 `json:"periods,omitempty"`
	ThrottledPeriods uint64 `json:"throttledPeriods,omitempty"`
	ThrottledTime    uint64 `json:"throttledTime,omitempty"`
}

// Entry is one counter of memory, in bytes.
type Entry struct {
	Limit   uint64 `json:"limit"`
	Usage   uint64 `json:"usage,omitempty"`
	Max     uint64 `json:"max,omitempty"`
	Failcnt uint64 `json:"failcnt"`
}

// Memory is in bytes.
type Memory struct {
	Cache     uint64            `json:"cache,omitempty"`
	Usage     Entry             `json:"usage,omitempty"`
	Swap      Entry             `json:"swap,omitempty"`
	Kernel    Entry             `json:"kernel,omitempty"`
	KernelTCP Entry             `json:"kernelTCP,omitempty"`
	Raw       map[string]uint64 `json:"raw,omitempty"`
	Pressure  *Pressure         `json:"psi,omitempty"`
}

// Pids counts tasks.
type Pids struct {
	Current uint64 `json:"current,omitempty"`
	Limit   uint64 `json:"limit,omitempty"`
}

// Block is what was read from and written to devices.
type Block struct {
	Bytes    []Device  `json:"ioServiceBytesRecursive,omitempty"`
	Ops      []Device  `json:"ioServicedRecursive,omitempty"`
	Pressure *Pressure `json:"psi,omitempty"`
}

// Device is one counter of one device.
type Device struct {
	Major uint64 `json:"major,omitempty"`
	Minor uint64 `json:"minor,omitempty"`
	Op    string `json:"op,omitempty"`
	Value uint64 `json:"value,omitempty"`
}

// Huge counts huge pages of one size; their reservation, where the kernel counts that.
type Huge struct {
	Usage   uint64 `json:"usage,omitempty"`
	Max     uint64 `json:"max,omitempty"`
	Failcnt uint64 `json:"failcnt"`
}

// Pressure is what waited.
type Pressure struct {
	Some Stall `json:"some"`
	Full Stall `json:"full"`
}

// Stall is in percent, and in microseconds.
type Stall struct {
	Avg10  float64 `json:"avg10"`
	Avg60  float64 `json:"avg60"`
	Avg300 float64 `json:"avg300"`
	Total  uint64  `json:"total"`
}

// Shape puts what was read into that form.
func Shape(s stat.Stats) Stats {
	c, m := s.CPU, s.Memory
	out := Stats{
		CPU: CPU{
			Usage:      Usage{Total: c.Total, PerCPU: c.PerCPU, PerKernel: c.PerKernel, PerUser: c.PerUser, Kernel: c.Kernel, User: c.User},
			Throttling: Throttling{c.Periods, c.Throttled, c.WaitTime},
			Pressure:   pressure(c.Pressure),
		},
		Memory: Memory{
			Cache: m.Cache(), Usage: entry(m.Usage), Swap: entry(m.Swap), Kernel: entry(m.Kernel), KernelTCP: entry(m.KernelTCP),
			Raw: m.Stat, Pressure: pressure(m.Pressure),
		},
		Pids:    Pids(s.Pids),
		BlockIO: Block{Bytes: devices(s.Block.Bytes), Ops: devices(s.Block.Ops), Pressure: pressure(s.Block.Pressure)},
		Huge:    map[string]Huge{},
	}
	for size, h := range s.Huge {
		c := h.Counter
		if h.Reserved.Limit > 0 {
			c = h.Reserved
		}
		out.Huge[size] = Huge{c.Usage, c.Peak, c.Fails}
	}
	return out
}

func entry(c stat.Counter) Entry {
	return Entry{Limit: c.Limit, Usage: c.Usage, Max: c.Peak, Failcnt: c.Fails}
}

func devices(list []stat.Device) []Device {
	var out []Device
	for _, d := range list {
		out = append(out, Device(d))
	}
	return out
}

func pressure(p stat.Pressure) *Pressure {
	if !p.Counted {
		return nil
	}
	return &Pressure{Stall(p.Some), Stall(p.Full)}
}

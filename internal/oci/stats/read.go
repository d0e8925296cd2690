//go:build linux

package stats

import (
	"strconv"
	"strings"
)

// V1 reads a group of cgroup v1 (Documentation/admin-guide/cgroup-v1).
func V1(d Dirs) Stats {
	var s Stats
	s.CPU.Usage.Total = d.number("cpuacct", "cpuacct.usage")
	for _, f := range strings.Fields(d.file("cpuacct", "cpuacct.usage_percpu")) {
		n, _ := strconv.ParseUint(f, 10, 64) // the kernel writes numbers
		s.CPU.Usage.Percpu = append(s.CPU.Usage.Percpu, n)
	}
	s.CPU.Usage.User = d.number("cpuacct", "cpuacct.usage_user")
	s.CPU.Usage.Kernel = d.number("cpuacct", "cpuacct.usage_sys")
	throttled := d.table("cpu", "cpu.stat")
	s.CPU.Throttling.Periods, s.CPU.Throttling.ThrottledPeriods, s.CPU.Throttling.ThrottledTime = throttled["nr_periods"], throttled["nr_throttled"], throttled["throttled_time"]
	s.Memory.Raw = d.table("memory", "memory.stat")
	s.Memory.Cache = s.Memory.Raw["cache"]
	for prefix, to := range map[string]*Entry{"memory.": &s.Memory.Usage, "memory.memsw.": &s.Memory.Swap, "memory.kmem.": &s.Memory.Kernel, "memory.kmem.tcp.": &s.Memory.KernelTCP} {
		*to = Entry{
			Limit: d.number("memory", prefix+"limit_in_bytes"), Usage: d.number("memory", prefix+"usage_in_bytes"),
			Max: d.number("memory", prefix+"max_usage_in_bytes"), Failcnt: d.number("memory", prefix+"failcnt"),
		}
	}
	s.Pids = Pids{d.number("pids", "pids.current"), d.number("pids", "pids.max")}
	s.BlockIO.Bytes = devices(d.file("blkio", "blkio.throttle.io_service_bytes_recursive"))
	s.BlockIO.Ops = devices(d.file("blkio", "blkio.throttle.io_serviced_recursive"))
	return s
}

// devices reads lines of "8:0 Read 4096".
func devices(text string) []Device {
	var out []Device
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) != 3 {
			continue // the total
		}
		out = append(out, device(f[0], f[1], f[2]))
	}
	return out
}

func device(number, op, value string) Device {
	major, minor, _ := strings.Cut(number, ":")
	d := Device{Op: op}
	for to, text := range map[*uint64]string{&d.Major: major, &d.Minor: minor, &d.Value: value} {
		*to, _ = strconv.ParseUint(text, 10, 64) // the kernel writes numbers
	}
	return d
}

// V2 reads a group of cgroup v2 (Documentation/admin-guide/cgroup-v2.rst).
func V2(d Dirs) Stats {
	var s Stats
	cpu := d.table("cpu", "cpu.stat")
	s.CPU.Usage.Total, s.CPU.Usage.User, s.CPU.Usage.Kernel = 1000*cpu["usage_usec"], 1000*cpu["user_usec"], 1000*cpu["system_usec"]
	s.CPU.Throttling.Periods, s.CPU.Throttling.ThrottledPeriods, s.CPU.Throttling.ThrottledTime = cpu["nr_periods"], cpu["nr_throttled"], 1000*cpu["throttled_usec"]
	s.Memory.Raw = d.table("memory", "memory.stat")
	s.Memory.Cache = s.Memory.Raw["file"]
	s.Memory.Usage = Entry{
		Limit: d.limit("memory", "memory.max"), Usage: d.number("memory", "memory.current"),
		Max: d.number("memory", "memory.peak"), Failcnt: d.table("memory", "memory.events")["max"],
	}
	// Version 1's swap counter is memory and swap together, and that is what is printed.
	s.Memory.Swap = Entry{
		Limit: d.limit("memory", "memory.swap.max"), Usage: d.number("memory", "memory.swap.current") + s.Memory.Usage.Usage,
		Failcnt: d.table("memory", "memory.swap.events")["max"],
	}
	if s.Memory.Swap.Limit != unlimited {
		s.Memory.Swap.Limit += s.Memory.Usage.Limit
	}
	s.Pids = Pids{d.number("pids", "pids.current"), d.number("pids", "pids.max")}
	for line := range strings.Lines(d.file("io", "io.stat")) {
		s.BlockIO.add(strings.Fields(line))
	}
	return s
}

const unlimited = ^uint64(0)

func (d Dirs) limit(controller, name string) uint64 {
	if d.file(controller, name) == "max" {
		return unlimited
	}
	return d.number(controller, name)
}

// add reads "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6".
func (b *Block) add(f []string) {
	for i, field := range f {
		if i == 0 {
			continue
		}
		key, value, _ := strings.Cut(field, "=")
		op := map[byte]string{'r': "Read", 'w': "Write", 'd': "Discard"}[key[0]]
		switch key[1:] {
		case "bytes":
			b.Bytes = append(b.Bytes, device(f[0], op, value))
		case "ios":
			b.Ops = append(b.Ops, device(f[0], op, value))
		}
	}
}

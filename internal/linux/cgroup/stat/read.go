package stat

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"berth/internal/linux/cgroup"
)

// reader reads the files of one group.
type reader struct {
	where func(controller string) (cgroup.Place, bool)
	tree  string // the group in the version 2 tree, "" without one
}

func (r reader) read() Stats {
	var s Stats
	if p, ok := r.where("cpuacct"); ok {
		s.CPU = r.cpuV1(p.Dir)
	} else if r.tree != "" { // cpu.stat is there without the controller, too
		s.CPU = cpuV2(r.tree)
	}
	if p, ok := r.where("memory"); ok {
		s.Memory = choose(p, memoryV1, memoryV2)
	}
	if p, ok := r.where("pids"); ok {
		s.Pids = Pids{number(p.Dir, "pids.current"), number(p.Dir, "pids.max")}
		if s.Pids.Limit == Unlimited {
			s.Pids.Limit = 0
		}
	}
	if p, ok := r.where("blkio"); ok {
		s.Block = blockV1(p.Dir)
	} else if p, ok := r.where("io"); ok {
		s.Block = blockV2(p.Dir)
	}
	if p, ok := r.where("hugetlb"); ok {
		s.Huge = huge(p)
	}
	if p, ok := r.where("rdma"); ok {
		s.RDMA = rdma(file(p.Dir, "rdma.current"), file(p.Dir, "rdma.max"))
	}
	if r.tree != "" {
		s.CPU.Pressure = pressure(file(r.tree, "cpu.pressure"))
		s.Memory.Pressure = pressure(file(r.tree, "memory.pressure"))
		s.Block.Pressure = pressure(file(r.tree, "io.pressure"))
	}
	return s
}

func choose[T any](p cgroup.Place, v1, v2 func(dir string) T) T {
	if p.Unified {
		return v2(p.Dir)
	}
	return v1(p.Dir)
}

func (r reader) cpuV1(dir string) CPU {
	c := CPU{Total: number(dir, "cpuacct.usage"), PerCPU: numbers(file(dir, "cpuacct.usage_percpu"))}
	// A line for each CPU: "0 28000000 4000000".
	for line := range strings.Lines(file(dir, "cpuacct.usage_all")) {
		if n := numbers(line); len(n) == 3 {
			c.PerUser, c.PerKernel = append(c.PerUser, n[1]), append(c.PerKernel, n[2])
			c.User, c.Kernel = c.User+n[1], c.Kernel+n[2]
		}
	}
	if c.PerUser == nil { // before Linux 4.7, in ticks of a hundredth
		ticks := table(dir, "cpuacct.stat")
		c.User, c.Kernel = 1e7*ticks["user"], 1e7*ticks["system"]
	}
	if p, ok := r.where("cpu"); ok {
		s := table(p.Dir, "cpu.stat")
		c.Periods, c.Throttled, c.WaitTime = s["nr_periods"], s["nr_throttled"], s["throttled_time"]
	}
	return c
}

func cpuV2(dir string) CPU {
	s := table(dir, "cpu.stat")
	return CPU{
		Total: 1000 * s["usage_usec"], User: 1000 * s["user_usec"], Kernel: 1000 * s["system_usec"],
		Periods: s["nr_periods"], Throttled: s["nr_throttled"], WaitTime: 1000 * s["throttled_usec"],
	}
}

func memoryV1(dir string) Memory {
	m := Memory{Stat: table(dir, "memory.stat"), OOMKills: table(dir, "memory.oom_control")["oom_kill"]}
	for prefix, to := range map[string]*Counter{"memory.": &m.Usage, "memory.memsw.": &m.Swap, "memory.kmem.": &m.Kernel, "memory.kmem.tcp.": &m.KernelTCP} {
		*to = counterV1(dir, prefix)
	}
	return m
}

func counterV1(dir, prefix string) Counter {
	return Counter{
		Usage: number(dir, prefix+"usage_in_bytes"), Peak: number(dir, prefix+"max_usage_in_bytes"),
		Limit: number(dir, prefix+"limit_in_bytes"), Fails: number(dir, prefix+"failcnt"),
	}
}

func memoryV2(dir string) Memory {
	events := table(dir, "memory.events")
	m := Memory{Stat: table(dir, "memory.stat"), OOMKills: events["oom_kill"], OOMEvents: events["oom"]}
	m.Usage = counterV2(dir, "memory.")
	m.Swap = counterV2(dir, "memory.swap.")
	m.Swap.Usage += m.Usage.Usage
	m.Swap.Peak = 0 // the two peaks need not have been at one time
	if m.Swap.Limit != Unlimited {
		m.Swap.Limit = max(m.Swap.Limit+m.Usage.Limit, m.Usage.Limit)
	}
	return m
}

func counterV2(dir, prefix string) Counter {
	return Counter{Usage: number(dir, prefix+"current"), Peak: number(dir, prefix+"peak"), Limit: number(dir, prefix+"max"), Fails: table(dir, prefix+"events")["max"]}
}

// huge finds the sizes that the kernel has by the names of the files.
func huge(p cgroup.Place) map[string]Huge {
	entries, _ := os.ReadDir(p.Dir) // a group that is gone uses none
	last := map[bool]string{false: ".limit_in_bytes", true: ".max"}[p.Unified]
	out := map[string]Huge{}
	for _, e := range entries {
		size, ok := strings.CutSuffix(strings.TrimPrefix(e.Name(), "hugetlb."), last)
		if !ok || !strings.HasPrefix(e.Name(), "hugetlb.") || strings.Contains(size, ".") {
			continue
		}
		of := func(prefix string) Counter {
			return choose(p, func(dir string) Counter { return counterV1(dir, prefix) }, func(dir string) Counter { return counterV2(dir, prefix) })
		}
		out[size] = Huge{of("hugetlb." + size + "."), of("hugetlb." + size + ".rsvd.")}
	}
	return out
}

// file is a file's text, "" when it cannot be read: kernels differ in what they have.
func file(dir, name string) string {
	data, _ := os.ReadFile(filepath.Join(dir, name))
	return string(data)
}

// number is a file with one number, or "max".
func number(dir, name string) uint64 { return parse(strings.TrimSpace(file(dir, name))) }

// parse is 0 for what is no number.
func parse(text string) uint64 {
	if text == "max" {
		return Unlimited
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// numbers are the numbers of a line, none when one of them is none.
func numbers(line string) []uint64 {
	var out []uint64
	for _, f := range strings.Fields(line) {
		n, err := strconv.ParseUint(f, 10, 64)
		if err != nil {
			return nil
		}
		out = append(out, n)
	}
	return slices.Clip(out)
}

// table is a file of "key number" lines.
func table(dir, name string) map[string]uint64 {
	out := map[string]uint64{}
	for line := range strings.Lines(file(dir, name)) {
		if f := strings.Fields(line); len(f) == 2 {
			if n, err := strconv.ParseUint(f[1], 10, 64); err == nil {
				out[f[0]] = n
			}
		}
	}
	return out
}

// Package stats shows what containers use: it computes figures from the daemon's
// samples, keeps the latest of every container, and prints them as a table.
package stats

import (
	"strings"

	"github.com/moby/moby/api/types/container"
)

// Use is what a container uses, computed from a sample: percentages, bytes and
// a number of processes.
type Use struct {
	CPU, Memory       float64 // percent; of one processor, and of the limit
	Used, Limit       float64
	Received, Sent    float64
	ReadDisk, Written float64
	Processes         uint64
}

// UseOf computes a sample's figures as Docker's client does.
func UseOf(s container.StatsResponse) Use {
	u := Use{
		CPU:   cpuPercent(s.PreCPUStats, s.CPUStats),
		Used:  memoryUsed(s.MemoryStats),
		Limit: float64(s.MemoryStats.Limit), Processes: s.PidsStats.Current,
	}
	if u.Limit != 0 {
		u.Memory = u.Used / u.Limit * 100
	}
	for _, n := range s.Networks {
		u.Received += float64(n.RxBytes)
		u.Sent += float64(n.TxBytes)
	}
	for _, e := range s.BlkioStats.IoServiceBytesRecursive {
		switch op := strings.ToLower(e.Op); {
		case strings.HasPrefix(op, "r"):
			u.ReadDisk += float64(e.Value)
		case strings.HasPrefix(op, "w"):
			u.Written += float64(e.Value)
		}
	}
	return u
}

// cpuPercent is the container's share of what all processors did between two
// samples, times the number of processors.
func cpuPercent(before, now container.CPUStats) float64 {
	used := float64(now.CPUUsage.TotalUsage) - float64(before.CPUUsage.TotalUsage)
	all := float64(now.SystemUsage) - float64(before.SystemUsage)
	if used <= 0 || all <= 0 {
		return 0
	}
	processors := float64(now.OnlineCPUs)
	if processors == 0 {
		processors = float64(len(now.CPUUsage.PercpuUsage))
	}
	return used / all * processors * 100
}

// memoryUsed leaves out the part of the page cache that the kernel would give
// up first: total_inactive_file of cgroup v1, inactive_file of v2.
func memoryUsed(m container.MemoryStats) float64 {
	for _, name := range []string{"total_inactive_file", "inactive_file"} {
		if cache, ok := m.Stats[name]; ok && cache < m.Usage {
			return float64(m.Usage - cache)
		}
	}
	return float64(m.Usage)
}

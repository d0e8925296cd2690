package show

import (
	"strings"

	wire "github.com/moby/moby/api/types/container"

	"berth/internal/container/usage"
)

// Stats shows what a container uses.
func Stats(s usage.Stats) *wire.StatsResponse {
	out := &wire.StatsResponse{
		ID: s.ID, Name: "/" + s.Name, OSType: "linux", Read: s.Now.Time, PreRead: s.Before.Time,
		CPUStats: cpuStats(s.Now), PreCPUStats: cpuStats(s.Before),
	}
	if !s.Now.Ran() {
		return out
	}
	out.MemoryStats = memoryStats(s.Now)
	out.PidsStats = wire.PidsStats{Current: s.Now.Group.Pids.Current, Limit: s.Now.Group.Pids.Limit}
	out.BlkioStats = blockStats(s.Now)
	for name, link := range s.Now.Networks {
		if out.Networks == nil {
			out.Networks = map[string]wire.NetworkStats{}
		}
		out.Networks[name] = networkStats(link)
	}
	return out
}

func cpuStats(s usage.Sample) wire.CPUStats {
	c := s.Group.CPU
	return wire.CPUStats{
		CPUUsage:       wire.CPUUsage{TotalUsage: c.Total, PercpuUsage: c.PerCPU, UsageInKernelmode: c.Kernel, UsageInUsermode: c.User},
		SystemUsage:    s.Machine.Total,
		OnlineCPUs:     uint32(s.Machine.Online),
		ThrottlingData: wire.ThrottlingData{Periods: c.Periods, ThrottledPeriods: c.Throttled, ThrottledTime: c.WaitTime},
	}
}

// memoryStats says, where there is no limit, that the machine's memory is it.
func memoryStats(s usage.Sample) wire.MemoryStats {
	m := s.Group.Memory
	out := wire.MemoryStats{Usage: m.Usage.Usage, Limit: m.Usage.Limit, Stats: memoryTable(s)}
	if !s.Unified {
		out.MaxUsage, out.Failcnt = m.Usage.Peak, m.Usage.Fails
	} else {
		out.Failcnt = m.OOMEvents
	}
	if s.Memory > 0 && out.Limit > s.Memory {
		out.Limit = s.Memory
	}
	return out
}

// memoryTable is what Docker shows of memory.stat, whatever more the kernel tells. What an older
// kernel does not tell is 0.
func memoryTable(s usage.Sample) map[string]uint64 {
	keys := strings.Fields(`anon file kernel_stack slab sock shmem file_mapped file_dirty file_writeback anon_thp
		inactive_anon active_anon inactive_file active_file unevictable slab_reclaimable slab_unreclaimable pgfault pgmajfault
		workingset_refault workingset_activate workingset_nodereclaim pgrefill pgscan pgsteal pgactivate pgdeactivate
		pglazyfree pglazyfreed thp_fault_alloc thp_collapse_alloc`)
	out := map[string]uint64{}
	if !s.Unified {
		keys = strings.Fields(`cache rss rss_huge mapped_file dirty writeback pgpgin pgpgout pgfault pgmajfault
			inactive_anon active_anon inactive_file active_file unevictable`)
		for _, key := range keys {
			out["total_"+key] = s.Group.Memory.Stat["total_"+key]
		}
		keys = append(keys, "hierarchical_memory_limit", "hierarchical_memsw_limit")
	}
	for _, key := range keys {
		out[key] = s.Group.Memory.Stat[key]
	}
	return out
}

// blockStats has on version 2 the bytes alone, and its words in small letters.
func blockStats(s usage.Sample) wire.BlkioStats {
	if s.Unified {
		out := wire.BlkioStats{}
		for _, d := range s.Group.Block.Bytes {
			switch d.Op {
			case "Read":
				d.Op = "read"
			case "Write":
				d.Op = "write"
			default:
				continue
			}
			out.IoServiceBytesRecursive = append(out.IoServiceBytesRecursive, wire.BlkioStatEntry(d))
		}
		return out
	}
	none := []wire.BlkioStatEntry{}
	return wire.BlkioStats{
		IoServiceBytesRecursive: entries(s.Group.Block.Bytes), IoServicedRecursive: entries(s.Group.Block.Ops),
		IoQueuedRecursive: none, IoServiceTimeRecursive: none, IoWaitTimeRecursive: none, IoMergedRecursive: none, IoTimeRecursive: none, SectorsRecursive: none,
	}
}

func entries(list []usage.Device) []wire.BlkioStatEntry {
	out := make([]wire.BlkioStatEntry, 0, len(list))
	for _, d := range list {
		out = append(out, wire.BlkioStatEntry(d))
	}
	return out
}

func networkStats(l usage.Link) wire.NetworkStats {
	return wire.NetworkStats{
		RxBytes: l.Received.Bytes, RxPackets: l.Received.Packets, RxErrors: l.Received.Errors, RxDropped: l.Received.Dropped,
		TxBytes: l.Sent.Bytes, TxPackets: l.Sent.Packets, TxErrors: l.Sent.Errors, TxDropped: l.Sent.Dropped,
	}
}

package config

import "berth/internal/fault"

// Limitable says which limits a host's control groups know.
type Limitable struct {
	Memory, Swap, Swappiness, OOMKiller, Shares, Quota, RealTime, CPUSets, Pids, Weight bool
}

// Discard takes away the limits that the host does not know, and says so in Docker's words: a
// request that was made for another host runs here, too. As with Docker real-time scheduling, which
// a program would miss, is refused.
func (r *Resources) Discard(host Limitable) (warnings []string, err error) {
	if (r.CPURTPeriod != 0 || r.CPURTRuntime != 0) && !host.RealTime {
		return nil, fault.New(fault.Invalid, "kernel does not support CPU real-time scheduler")
	}
	for _, limit := range []struct {
		asked, known bool
		discard      func()
		sentence     string
	}{
		{r.Memory > 0, host.Memory, func() { r.Memory, r.MemorySwap = 0, 0 }, "Your kernel does not support memory limit capabilities or the cgroup is not mounted. Limitation discarded."},
		{r.Memory > 0 && r.MemorySwap != -1 && host.Memory, host.Swap, func() { r.MemorySwap = -1 }, "Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without swap."},
		{r.MemorySwappiness != nil && *r.MemorySwappiness != -1, host.Swappiness, func() { r.MemorySwappiness = nil }, "Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. Memory swappiness discarded."},
		{r.MemoryReservation > 0, host.Memory, func() { r.MemoryReservation = 0 }, "Your kernel does not support memory soft limit capabilities or the cgroup is not mounted. Limitation discarded."},
		{r.OomKillDisable, host.OOMKiller, func() { r.OomKillDisable = false }, "Your kernel does not support OomKillDisable. OomKillDisable discarded."},
		{r.PidsLimit > 0, host.Pids, func() { r.PidsLimit = 0 }, "Your kernel does not support PIDs limit capabilities or the cgroup is not mounted. PIDs limit discarded."},
		{r.CPUShares > 0, host.Shares, func() { r.CPUShares = 0 }, "Your kernel does not support CPU shares or the cgroup is not mounted. Shares discarded."},
		{r.CPUPeriod != 0 || r.CPUQuota != 0, host.Quota, func() { r.CPUPeriod, r.CPUQuota = 0, 0 }, "Your kernel does not support CPU CFS scheduler. CPU period/quota discarded."},
		{r.CpusetCpus != "" || r.CpusetMems != "", host.CPUSets, func() { r.CpusetCpus, r.CpusetMems = "", "" }, "Your kernel does not support cpuset or the cgroup is not mounted. Cpuset discarded."},
		{r.BlkioWeight > 0, host.Weight, func() { r.BlkioWeight = 0 }, "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded."},
		{len(r.BlkioWeights) > 0, host.Weight, func() { r.BlkioWeights = nil }, "Your kernel does not support Block I/O weight_device or the cgroup is not mounted. Weight-device discarded."},
	} {
		if limit.asked && !limit.known {
			limit.discard()
			warnings = append(warnings, limit.sentence)
		}
	}
	if r.NanoCPUs > 0 && !host.Quota {
		return warnings, fault.New(fault.Invalid, "NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the cgroup is not mounted")
	}
	return warnings, nil
}

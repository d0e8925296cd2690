package config

import (
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"berth/internal/fault"
)

const (
	minMemory  = 6 << 20
	minCPUs    = 1e7 // nanoseconds a second: --cpus 0.01
	maxListed  = 8192
	minBlkio   = 10
	maxBlkio   = 1000
	cpusOnline = "/sys/devices/system/cpu/online"
	memsOnline = "/sys/devices/system/node/online"
)

// checkResources refuses limits that make no sense, before anything is made.
func checkResources(r Resources) error {
	for _, check := range []func(Resources) error{checkMemory, checkCPU, checkCpusets, checkBlkio} {
		if err := check(r); err != nil {
			return err
		}
	}
	return nil
}

func checkMemory(r Resources) error {
	switch s := r.MemorySwappiness; {
	case r.Memory < 0 || r.Memory > 0 && r.Memory < minMemory:
		return fault.New(fault.Invalid, "Minimum memory limit allowed is 6MB")
	case r.MemorySwap < -1:
		return fault.New(fault.Invalid, "invalid memory value: %d", r.MemorySwap)
	case r.MemorySwap > 0 && r.Memory == 0:
		return fault.New(fault.Invalid, "You should always set the Memory limit when using Memoryswap limit, see usage")
	case r.MemorySwap > 0 && r.MemorySwap < r.Memory:
		return fault.New(fault.Invalid, "Minimum memoryswap limit should be larger than memory limit, see usage")
	case s != nil && (*s < -1 || *s > 100):
		return fault.New(fault.Invalid, "Invalid value: %d, valid memory swappiness range is 0-100", *s)
	case r.MemoryReservation < 0 || r.MemoryReservation > 0 && r.MemoryReservation < minMemory:
		return fault.New(fault.Invalid, "Minimum memory reservation allowed is 6MB")
	case r.Memory > 0 && r.MemoryReservation > r.Memory:
		return fault.New(fault.Invalid, "Minimum memory limit can not be less than memory reservation limit, see usage")
	}
	return nil
}

func checkCPU(r Resources) error {
	n := runtime.NumCPU()
	switch {
	case r.NanoCPUs > 0 && r.CPUPeriod > 0:
		return fault.New(fault.Invalid, "Conflicting options: Nano CPUs and CPU Period cannot both be set")
	case r.NanoCPUs > 0 && r.CPUQuota > 0:
		return fault.New(fault.Invalid, "Conflicting options: Nano CPUs and CPU Quota cannot both be set")
	case r.NanoCPUs < 0 || r.NanoCPUs > 0 && r.NanoCPUs < minCPUs || r.NanoCPUs > int64(n)*1e9:
		return fault.New(fault.Invalid, "Range of CPUs is from 0.01 to %d.00, as there are only %d CPUs available", n, n)
	case r.CPUPeriod != 0 && (r.CPUPeriod < 1000 || r.CPUPeriod > 1_000_000):
		return fault.New(fault.Invalid, "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)")
	case r.CPUQuota > 0 && r.CPUQuota < 1000:
		return fault.New(fault.Invalid, "CPU cfs quota can not be less than 1ms (i.e. 1000)")
	case r.CPUShares < 0:
		return fault.New(fault.Invalid, "invalid CPU shares (%d): value must be a positive integer", r.CPUShares)
	case r.CPUShares == 1:
		return fault.New(fault.Invalid, "the minimum allowed cpu-shares is 2")
	case r.CPUShares > 262144:
		return fault.New(fault.Invalid, "the maximum allowed cpu-shares is 262144")
	case r.CPURTPeriod < 0 || r.CPURTRuntime < 0:
		return fault.New(fault.Invalid, "cpu real-time period and runtime cannot be negative")
	case r.CPURTPeriod > 0 && r.CPURTRuntime > r.CPURTPeriod:
		return fault.New(fault.Invalid, "cpu real-time runtime cannot be higher than cpu real-time period")
	}
	return nil
}

// checkCpusets refuses CPUs and memory nodes that the host does not have.
func checkCpusets(r Resources) error {
	for _, set := range []struct{ words, kind, what, online string }{
		{r.CpusetCpus, "cpus", "CPUs", cpusOnline}, {r.CpusetMems, "mems", "memory nodes", memsOnline},
	} {
		if set.words == "" {
			continue
		}
		want, why := parseList(set.words)
		if why != "" {
			return fault.New(fault.Invalid, "Invalid value %s for cpuset %s: %s", set.words, set.kind, why)
		}
		text := "0" // a kernel without NUMA has one node and no file
		if b, err := os.ReadFile(set.online); err == nil {
			text = strings.TrimSpace(string(b))
		}
		have, _ := parseList(text)
		if slices.ContainsFunc(want, func(n int) bool { return !slices.Contains(have, n) }) {
			return fault.New(fault.Invalid, "Requested %s are not available - requested %s, available: %s", set.what, set.words, text)
		}
	}
	return nil
}

// parseList reads a list as the kernel writes them, "0-2,7"; why says what is wrong with
// it, in Docker's words. However often a number is named, it is in the list once.
func parseList(words string) (list []int, why string) {
	if strings.Count(words, ",") > maxListed {
		return nil, "value of out range, maximum is " + strconv.Itoa(maxListed)
	}
	var in [maxListed + 1]bool
	for part := range strings.SplitSeq(words, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, err := strconv.ParseUint(first, 10, 31)
		to, err2 := strconv.ParseUint(last, 10, 31)
		switch {
		case err != nil || err2 != nil || to < from:
			return nil, "invalid format: " + words
		case to > maxListed:
			return nil, "value of out range, maximum is " + strconv.Itoa(maxListed)
		}
		for n := from; n <= to; n++ {
			in[n] = true
		}
	}
	for n, there := range in {
		if there {
			list = append(list, n)
		}
	}
	return list, ""
}

func checkBlkio(r Resources) error {
	if r.BlkioWeight > 0 && (r.BlkioWeight < minBlkio || r.BlkioWeight > maxBlkio) {
		return fault.New(fault.Invalid, "Range of blkio weight is from %d to %d", minBlkio, maxBlkio)
	}
	for _, d := range r.BlkioWeights {
		if d.Weight < minBlkio || d.Weight > maxBlkio {
			return fault.New(fault.Invalid, "Range of blkio weight is from %d to %d", minBlkio, maxBlkio)
		}
	}
	return nil
}

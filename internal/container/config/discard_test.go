package config

import (
	"reflect"
	"strings"
	"testing"

	"berth/internal/fault"
)

func everyLimit() Resources {
	seven := int64(7)
	return Resources{
		Memory: 64 << 20, MemorySwap: 128 << 20, MemorySwappiness: &seven, MemoryReservation: 32 << 20, OomKillDisable: true, PidsLimit: 9,
		CPUShares: 512, CPUPeriod: 50000, CPUQuota: 25000, CpusetCpus: "0", CpusetMems: "0", BlkioWeight: 300, BlkioWeights: []DeviceWeight{{Path: "/dev/sda", Weight: 20}},
	}
}

func TestALimitThatTheHostDoesNotKnowIsDiscardedWithDockersSentence(t *testing.T) {
	all := Limitable{Memory: true, Swap: true, Swappiness: true, OOMKiller: true, Shares: true, Quota: true, RealTime: true, CPUSets: true, Pids: true, Weight: true}
	for _, c := range []struct {
		name string
		lack func(*Limitable)
		want []string
		gone func(*Resources)
	}{
		{"none", func(*Limitable) {}, nil, func(*Resources) {}},
		{"version 2", func(l *Limitable) { l.Swappiness, l.OOMKiller, l.RealTime = false, false, false }, []string{
			"Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. Memory swappiness discarded.",
			"Your kernel does not support OomKillDisable. OomKillDisable discarded.",
		}, func(r *Resources) { r.MemorySwappiness, r.OomKillDisable = nil, false }},
		{"no swap", func(l *Limitable) { l.Swap = false }, []string{"Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without swap."},
			func(r *Resources) { r.MemorySwap = -1 }},
		{"no memory", func(l *Limitable) { l.Memory = false }, []string{
			"Your kernel does not support memory limit capabilities or the cgroup is not mounted. Limitation discarded.",
			"Your kernel does not support memory soft limit capabilities or the cgroup is not mounted. Limitation discarded.",
		}, func(r *Resources) { r.Memory, r.MemorySwap, r.MemoryReservation = 0, 0, 0 }},
		{"no weight", func(l *Limitable) { l.Weight = false }, []string{
			"Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.",
			"Your kernel does not support Block I/O weight_device or the cgroup is not mounted. Weight-device discarded.",
		}, func(r *Resources) { r.BlkioWeight, r.BlkioWeights = 0, nil }},
	} {
		host, got, want := all, everyLimit(), everyLimit()
		c.lack(&host)
		c.gone(&want)
		warnings, err := got.Discard(host)
		if err != nil || !reflect.DeepEqual(got, want) || strings.Join(warnings, "\n") != strings.Join(c.want, "\n") {
			t.Errorf("%s: %v\n%s\n%+v", c.name, err, strings.Join(warnings, "\n"), got)
		}
	}
}

func TestRealTimeAndPartsOfCPUsAreRefusedWhereTheHostDoesNotKnowThem(t *testing.T) {
	for want, r := range map[string]Resources{
		"kernel does not support CPU real-time scheduler":                                                         {CPURTRuntime: 1000},
		"NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the cgroup is not mounted": {NanoCPUs: 5e8},
	} {
		if _, err := r.Discard(Limitable{}); !fault.Is(err, fault.Invalid) || err.Error() != want {
			t.Errorf("%v", err)
		}
	}
}

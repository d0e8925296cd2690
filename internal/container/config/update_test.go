package config

import (
	"encoding/json"
	"testing"

	"berth/internal/container/restart"
)

func TestAnUpdateChangesWhatItNamesAndNothingElse(t *testing.T) {
	pids := func(n int64) *int64 { return &n }
	const mib = 1 << 20
	for _, c := range []struct {
		name  string
		has   Resources
		ask   Update
		want  Resources
		live  string // what the control group is told
		fails string
	}{
		{name: "nothing", has: Resources{Memory: 64 * mib, CPUShares: 7}, want: Resources{Memory: 64 * mib, CPUShares: 7}, live: `{}`},
		{name: "both limits of memory", ask: Update{Resources: Resources{Memory: 64 * mib, MemorySwap: 128 * mib}}, want: Resources{Memory: 64 * mib, MemorySwap: 128 * mib},
			live: `{"memory":{"limit":67108864,"swap":134217728,"checkBeforeUpdate":true}}`},
		{name: "less memory, the sum stays", has: Resources{Memory: 64 * mib}, ask: Update{Resources: Resources{Memory: 32 * mib}}, want: Resources{Memory: 32 * mib, MemorySwap: 128 * mib},
			live: `{"memory":{"limit":33554432,"swap":134217728,"checkBeforeUpdate":true}}`},
		{name: "more memory than the sum", has: Resources{Memory: 64 * mib}, ask: Update{Resources: Resources{Memory: 129 * mib}},
			fails: "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time"},
		{name: "a limit where there was none", ask: Update{Resources: Resources{Memory: 64 * mib}},
			fails: "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time"},
		{name: "more memory under an unlimited sum", has: Resources{Memory: 64 * mib, MemorySwap: -1}, ask: Update{Resources: Resources{Memory: 129 * mib}}, want: Resources{Memory: 129 * mib, MemorySwap: -1},
			live: `{"memory":{"limit":135266304,"swap":-1,"checkBeforeUpdate":true}}`},
		{name: "the sum alone", has: Resources{Memory: 64 * mib}, ask: Update{Resources: Resources{MemorySwap: -1}}, want: Resources{Memory: 64 * mib, MemorySwap: -1},
			live: `{"memory":{"limit":67108864,"swap":-1,"checkBeforeUpdate":true}}`},
		{name: "a sum below the limit", has: Resources{Memory: 64 * mib}, ask: Update{Resources: Resources{MemorySwap: 63 * mib}}, fails: "Minimum memoryswap limit should be larger than memory limit, see usage"},
		{name: "a sum without a limit", ask: Update{Resources: Resources{MemorySwap: 63 * mib}}, fails: "You should always set the Memory limit when using Memoryswap limit, see usage"},
		{name: "processors", has: Resources{NanoCPUs: 1}, ask: Update{Resources: Resources{NanoCPUs: 5e8, CPUShares: 9, CpusetCpus: "0"}}, want: Resources{NanoCPUs: 5e8, CPUShares: 9, CpusetCpus: "0"},
			live: `{"cpu":{"shares":9,"quota":50000,"period":100000,"cpus":"0"}}`},
		{name: "a quota, the period stays", has: Resources{CPUPeriod: 50000, CPUQuota: 1000}, ask: Update{Resources: Resources{CPUQuota: -1}}, want: Resources{CPUPeriod: 50000, CPUQuota: -1}, live: `{"cpu":{"quota":-1}}`},
		{name: "a period beside --cpus", has: Resources{NanoCPUs: 1}, ask: Update{Resources: Resources{CPUPeriod: 1}}, fails: "Conflicting options: CPU Period cannot be updated as NanoCPUs has already been set"},
		{name: "a quota beside --cpus", has: Resources{NanoCPUs: 1}, ask: Update{Resources: Resources{CPUQuota: -1}}, fails: "Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set"},
		{name: "--cpus beside a period", has: Resources{CPUPeriod: 1}, ask: Update{Resources: Resources{NanoCPUs: 1}}, fails: "Conflicting options: Nano CPUs cannot be updated as CPU Period has already been set"},
		{name: "--cpus beside a quota", has: Resources{CPUQuota: 1}, ask: Update{Resources: Resources{NanoCPUs: 1}}, fails: "Conflicting options: Nano CPUs cannot be updated as CPU Quota has already been set"},
		{name: "processes", has: Resources{PidsLimit: 9}, ask: Update{PidsLimit: pids(-5)}, want: Resources{}, live: `{"pids":{"limit":0}}`},
		{name: "fewer processes", ask: Update{PidsLimit: pids(5)}, want: Resources{PidsLimit: 5}, live: `{"pids":{"limit":5}}`},
		{name: "a reservation", has: Resources{Memory: 64 * mib}, ask: Update{Resources: Resources{MemoryReservation: 32 * mib}}, want: Resources{Memory: 64 * mib, MemoryReservation: 32 * mib},
			live: `{"memory":{"reservation":33554432}}`},
	} {
		all, err := c.ask.Apply(HostConfig{Resources: c.has})
		got := all.Resources
		if c.fails != "" {
			if err == nil || err.Error() != c.fails {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		a, _ := json.Marshal(got)
		b, _ := json.Marshal(c.want)
		if err != nil || string(a) != string(b) {
			t.Errorf("%s: %s, want %s (%v)", c.name, a, b, err)
		}
		if live, _ := json.Marshal(c.ask.Limits(got)); string(live) != c.live {
			t.Errorf("%s: the group is told %s, want %s", c.name, live, c.live)
		}
	}
}

func TestAnUpdateThatNoContainerCanHaveIsRefused(t *testing.T) {
	for want, r := range map[string]Resources{
		"Minimum memory limit allowed is 6MB":                                                  {Memory: 4096},
		"CPU cfs quota can not be less than 1ms (i.e. 1000)":                                   {CPUQuota: 10},
		"Conflicting options: Nano CPUs and CPU Quota cannot both be set":                      {CPUQuota: 10000, NanoCPUs: 1e9},
		"Minimum memory limit can not be less than memory reservation limit, see usage":        {Memory: 8 << 20, MemoryReservation: 9 << 20},
		"CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)": {CPUPeriod: 1},
		"invalid CPU shares (-1): value must be a positive integer":                            {CPUShares: -1},
	} {
		if err := (Update{Resources: r}).Check(); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if err := (Update{Resources: Resources{MemorySwap: 64 << 20}}).Check(); err != nil {
		t.Errorf("a sum alone: %v", err)
	}
}

func TestThePolicyOfAContainerThatRemovesItselfStays(t *testing.T) {
	has := HostConfig{AutoRemove: true}
	if _, err := (Update{Restart: &restart.Policy{Name: restart.Always}}).Apply(has); err == nil || err.Error() != "Restart policy cannot be updated because AutoRemove is enabled for the container" {
		t.Errorf("%v", err)
	}
	if _, err := (Update{Restart: &restart.Policy{Name: restart.No}}).Apply(has); err != nil {
		t.Errorf("none: %v", err)
	}
	got, err := (Update{Restart: &restart.Policy{Name: restart.OnFailure, Max: 3}}).Apply(HostConfig{RestartPolicy: restart.Policy{Name: restart.Always}})
	if err != nil || got.RestartPolicy != (restart.Policy{Name: restart.OnFailure, Max: 3}) {
		t.Errorf("%+v, %v", got.RestartPolicy, err)
	}
	if got, err := (Update{}).Apply(HostConfig{RestartPolicy: restart.Policy{Name: restart.Always}}); err != nil || got.RestartPolicy.Name != restart.Always {
		t.Errorf("not named: %+v, %v", got.RestartPolicy, err)
	}
	if err := (Update{Restart: &restart.Policy{Name: "bogus"}}).Check(); err == nil {
		t.Error("there is no such policy")
	}
}

func TestDevicesThatAreNamedNoMoreLoseTheirLimits(t *testing.T) {
	had := Resources{BlkioReadBps: []DeviceRate{{Path: "/a", Rate: 1}}, BlkioWriteBps: []DeviceRate{{Path: "/a", Rate: 2}}, BlkioWeights: []DeviceWeight{{Path: "/a", Weight: 20}}}
	u := Update{Resources: Resources{BlkioReadBps: []DeviceRate{{Path: "/b", Rate: 3}}, BlkioWeights: []DeviceWeight{}}}
	applied, err := u.Apply(HostConfig{Resources: had})
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := json.Marshal([]any{applied.Resources.BlkioReadBps, applied.Resources.BlkioWriteBps, applied.Resources.BlkioWeights}); string(got) != `[[{"Path":"/b","Rate":3}],[{"Path":"/a","Rate":2}],[]]` {
		t.Errorf("%s", got)
	}
	told := u.Blocks(had, applied.Resources)
	if got, _ := json.Marshal([]any{told.BlkioReadBps, told.BlkioWriteBps, told.BlkioWeights}); string(got) != `[[{"Path":"/a","Rate":0},{"Path":"/b","Rate":3}],null,[{"Path":"/a","Weight":100}]]` {
		t.Errorf("the group is told %s", got)
	}
}

package cgroup

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/fault"
)

// TestEveryFieldOfTheSpecIsWrittenOrRefused goes through linux.resources: what a
// field becomes on version 1 and on version 2, "" for what is left out on purpose
// (docs/decisions/0013), or "!" and what the error says.
func TestEveryFieldOfTheSpecIsWrittenOrRefused(t *testing.T) {
	for _, c := range []struct{ request, v1, v2 string }{
		{`memory limit 100`, `memory.limit_in_bytes = 100`, `memory.max = 100`},
		{`memory limit -1`, `memory.limit_in_bytes = -1, or later|memory.memsw.limit_in_bytes = -1, if it is there`, `memory.swap.max = max, if it is there|memory.max = max`},
		{`memory limit -2`, `!invalid memory value: -2`, `!invalid memory value: -2`},
		{`memory limit 0`, ``, ``},
		{`memory swap -1`, `memory.memsw.limit_in_bytes = -1, if it is there`, `memory.swap.max = max, if it is there`},
		{`memory swap 100`, `memory.memsw.limit_in_bytes = 100`, `!You should always set the Memory limit`},
		{`memory reservation 100`, `memory.soft_limit_in_bytes = 100`, `memory.low = 100`},
		{`memory reservation -1`, `memory.soft_limit_in_bytes = -1`, `memory.low = max`},
		{`memory kernel 100`, ``, ``},
		{`memory kernelTCP 100`, `memory.kmem.tcp.limit_in_bytes = 100`, `!memory.kernelTCP cannot be set on cgroup version 2`},
		{`memory kernelTCP -1`, `memory.kmem.tcp.limit_in_bytes = -1, if it is there`, ``},
		{`memory swappiness 60`, `memory.swappiness = 60`, `!memory.swappiness cannot be set on cgroup version 2`},
		{`memory swappiness 0`, `memory.swappiness = 0`, ``},
		{`memory swappiness 101`, `!valid memory swappiness range is 0-100`, `!memory.swappiness cannot be set`},
		{`memory swappiness 18446744073709551615`, ``, ``},
		{`memory disableOOMKiller true`, `memory.oom_control = 1`, `!memory.disableOOMKiller cannot be set on cgroup version 2`},
		{`memory disableOOMKiller false`, `memory.oom_control = 0`, ``},
		{`memory useHierarchy true`, `memory.use_hierarchy = 1`, ``},
		{`memory useHierarchy false`, `memory.use_hierarchy = 0`, `!useHierarchy cannot be false`},
		{`memory checkBeforeUpdate true`, ``, ``},
		{`cpu shares 512`, `cpu.shares = 512`, `cpu.weight = 59`},
		{`cpu shares 1`, `!the minimum allowed cpu-shares is 2`, `cpu.weight = 1`},
		{`cpu shares 262145`, `!the maximum allowed cpu-shares is 262144`, `cpu.weight = 10000`},
		{`cpu quota 5000`, `cpu.cfs_quota_us = 5000`, `cpu.max = 5000`},
		{`cpu quota -1`, `cpu.cfs_quota_us = -1`, `cpu.max = max`},
		{`cpu period 50000`, `cpu.cfs_period_us = 50000`, `cpu.max = max 50000`},
		{`cpu burst 1000`, `cpu.cfs_burst_us = 1000`, `cpu.max.burst = 1000`},
		{`cpu burst 0`, `cpu.cfs_burst_us = 0`, `cpu.max.burst = 0`},
		{`cpu realtimeRuntime 1000`, `cpu.rt_runtime_us = 1000`, `!cpu.realtimeRuntime and realtimePeriod cannot be set on cgroup version 2`},
		{`cpu realtimePeriod 1000`, `cpu.rt_period_us = 1000`, `!cpu.realtimeRuntime and realtimePeriod cannot be set on cgroup version 2`},
		{`cpu realtimeRuntime 0`, ``, ``},
		{`cpu idle 1`, `cpu.idle = 1`, `cpu.idle = 1`},
		{`cpu idle 2`, `!idle is 0 or 1, not 2`, `!idle is 0 or 1, not 2`},
		{`cpu cpus "0-1"`, `cpuset.cpus = 0-1`, `cpuset.cpus = 0-1`},
		{`cpu mems "0"`, `cpuset.mems = 0`, `cpuset.mems = 0`},
		{`pids limit 10`, `pids.max = 10`, `pids.max = 10`},
		{`pids limit 0`, `pids.max = max`, `pids.max = max`},
		{`pids limit -1`, `pids.max = max`, `pids.max = max`},
		{`blockIO weight 10`, `blkio.weight = 10, else blkio.bfq.weight = 10`, `io.bfq.weight = 10, else io.weight = 1`},
		{`blockIO leafWeight 10`, `blkio.leaf_weight = 10`, `!blockIO.leafWeight cannot be set on cgroup version 2`},
		{`blockIO weightDevice [{"major":8,"minor":1,"weight":1000}]`, `blkio.weight_device = 8:1 1000, else blkio.bfq.weight_device = 8:1 1000`, `io.bfq.weight = 8:1 1000, else io.weight = 8:1 10000`},
		{`blockIO weightDevice [{"major":8,"minor":1,"leafWeight":20}]`, `blkio.leaf_weight_device = 8:1 20`, `!leafWeight cannot be set`},
		{`blockIO throttleReadBpsDevice [{"major":8,"minor":1,"rate":20}]`, `blkio.throttle.read_bps_device = 8:1 20`, `io.max = 8:1 rbps=20`},
		{`blockIO throttleWriteBpsDevice [{"major":8,"minor":1,"rate":20}]`, `blkio.throttle.write_bps_device = 8:1 20`, `io.max = 8:1 wbps=20`},
		{`blockIO throttleReadIOPSDevice [{"major":8,"minor":1,"rate":20}]`, `blkio.throttle.read_iops_device = 8:1 20`, `io.max = 8:1 riops=20`},
		{`blockIO throttleWriteIOPSDevice [{"major":8,"minor":1,"rate":0}]`, `blkio.throttle.write_iops_device = 8:1 0`, `io.max = 8:1 wiops=max`},
		{`hugepageLimits [{"pageSize":"64KB","limit":1}]`, `hugetlb.64KB.limit_in_bytes = 1|hugetlb.64KB.rsvd.limit_in_bytes = 1, if it is there`, `hugetlb.64KB.max = 1|hugetlb.64KB.rsvd.max = 1, if it is there`},
		{`network classID 4096`, `net_cls.classid = 4096`, `!network.classID cannot be set on cgroup version 2`},
		{`network classID 0`, ``, ``},
		{`network priorities [{"name":"eth0","priority":5}]`, `net_prio.ifpriomap = eth0 5`, `!network.priorities cannot be set on cgroup version 2`},
		{`network priorities [{"name":"a b","priority":5}]`, `!not the name of a network interface`, `!network.priorities cannot be set`},
		{`rdma {"mlx5_1":{"hcaHandles":3}}`, `rdma.max = mlx5_1 hca_handle=3`, `rdma.max = mlx5_1 hca_handle=3`},
		{`unified {"memory.high":"100"}`, `!need cgroup version 2`, `memory.high = 100`},
		{`unified {}`, ``, ``},
	} {
		r := parsed(t, c.request)
		for v, want := range map[Version]string{V1: c.v1, V2: c.v2} {
			got, err := planned(v, r)
			answer := short(got)
			if err != nil {
				answer = "!" + err.Error()
			}
			if answer != want && (want == "" || want[0] != '!' || answer == "" || answer[0] != '!' || !strings.Contains(answer, want[1:])) {
				t.Errorf("%s on version %d: %q, want %q", c.request, v, answer, want)
			}
		}
	}
}

// parsed reads "memory limit 100" as the JSON of linux.resources.
func parsed(t *testing.T, request string) *specs.LinuxResources {
	t.Helper()
	words := strings.SplitN(request, " ", 3)
	text := `{"` + words[0] + `":` + words[1] + `}`
	if len(words) == 3 {
		text = `{"` + words[0] + `":{"` + words[1] + `":` + words[2] + `}}`
	}
	r := &specs.LinuxResources{}
	if err := json.Unmarshal([]byte(text), r); err != nil {
		t.Fatal(text, err)
	}
	return r
}

// short leaves the controllers out.
func short(s steps) string {
	var lines []string
	for _, x := range s {
		lines = append(lines, strings.TrimPrefix(x.String(), x.controller+" "))
	}
	return strings.Join(lines, "|")
}

func TestAFileNameThatIsMadeOfARequestCannotLeaveTheGroup(t *testing.T) {
	for _, size := range []string{"", "B", "MB", "2", "2M", "02MB", "0MB", "+2MB", "2mb", "2MBMB", "2 MB", "../2MB", "2MB/../../x", "2MB\x00", "99999999999999999999MB"} {
		r := &specs.LinuxResources{HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: size}}}
		if _, err := planned(V1, r); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", size, err)
		}
	}
	for _, name := range []string{"", ".", "..", "...", ".max", "memory", "memory.", "../../x.y", "a/b.c", "a.b/c", "a.b\x00"} {
		if _, err := planned(V2, &specs.LinuxResources{Unified: map[string]string{name: "1"}}); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestAnUpdateKeepsWhatItDoesNotName(t *testing.T) {
	now := map[string]string{"cpu.max": "50000 100000\n", "memory.max": "100\n", "memory.current": "60\n"}
	update := func(request string) string {
		p := planner{on: func(string) Version { return V2 }, now: func(_, file string) string { return now[file] }}
		s, err := p.plan(parsed(t, request))
		if err != nil {
			return err.Error()
		}
		return short(s)
	}
	check := func(request, want string) {
		t.Helper()
		if got := update(request); got != want {
			t.Errorf("%s: %q, want %q", request, got, want)
		}
	}
	check(`cpu period 50000`, `cpu.max = 50000 50000`)
	check(`cpu quota 20000`, `cpu.max = 20000 100000`)
	check(`memory swap 150`, `memory.swap.max = 50`)
	check(`memory swap 90`, `Minimum memoryswap limit should be larger than memory limit, see usage`)
	check(`memory {"limit":50,"checkBeforeUpdate":true}`, `rejecting memory limit 50 <= usage 60`)
	check(`memory {"limit":50,"swap":60,"checkBeforeUpdate":true}`, `rejecting memory+swap limit 60 <= usage 60`)
	check(`memory {"limit":61,"checkBeforeUpdate":true}`, `memory.max = 61`)
	check(`memory {"limit":50,"checkBeforeUpdate":false}`, `memory.max = 50`)
	now["memory.max"], now["cpu.max"] = "max\n", "max 100000\n"
	check(`memory swap 150`, `memory.swap.max = 150`)
	check(`cpu period 50000`, `cpu.max = max 50000`)
}

func TestAnIdleGroupGetsItsWeightWhileItIsNotIdle(t *testing.T) {
	for request, want := range map[string]string{
		`cpu {"idle":0,"shares":1024}`: `cpu.idle = 0|cpu.weight = 100`,
		`cpu {"idle":1,"shares":1024}`: `cpu.weight = 100|cpu.idle = 1`,
	} {
		if got, err := planned(V2, parsed(t, request)); err != nil || short(got) != want {
			t.Errorf("%s: %q, %v", request, short(got), err)
		}
	}
}

func TestAHybridHostHasSomeControllersInItsVersion2Tree(t *testing.T) {
	h := Hierarchy{version: V1, mounts: []Place{{Dir: "/cpu", Controllers: []string{"cpu"}}, {Dir: "/blkio", Controllers: []string{"blkio"}}, {Dir: "/systemd", Name: "systemd"}, {Dir: "/two", Controllers: []string{"hugetlb", "memory"}, Unified: true}}}
	s, err := (&planner{on: h.on}).plan(parsed(t, `hugepageLimits [{"pageSize":"2MB","limit":1}]`))
	if err != nil || short(s) != "hugetlb.2MB.max = 1|hugetlb.2MB.rsvd.max = 1, if it is there" {
		t.Errorf("%q, %v", short(s), err)
	}
	for controller, want := range map[string]Version{"cpu": V1, "io": V1, "memory": V2, "hugetlb": V2, "devices": V2, "pids": V1, "": V1} {
		if got := h.on(controller); got != want {
			t.Errorf("%s is on version %d", controller, got)
		}
	}
	g, err := h.at("/g")
	if err != nil {
		t.Fatal(err)
	}
	for controller, want := range map[string]string{"cpu": "/cpu/g", "memory": "/two/g", "devices": "/two/g", "pids": ""} {
		if p, ok := g.Place(controller); p.Dir != want || ok != (want != "") {
			t.Errorf("%s is at %q, %v", controller, p.Dir, ok)
		}
	}
}

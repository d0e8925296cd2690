package cgroup

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"berth/internal/fault"
)

// change is an update and what it does: a file's new content, or "!" and a part of the error.
type change struct{ request, file, want string }

// changes goes through updates of one group, in order. Files that the kernel lacks are skipped.
func changes(t *testing.T, h Hierarchy, list []change) {
	g := made(t, h, nil)
	for _, c := range list {
		controller, _, _ := strings.Cut(c.file, ".")
		p, ok := g.place(controller)
		if _, err := os.Stat(filepath.Join(p.Dir, c.file)); c.want[0] != '!' && (!ok || err != nil) {
			t.Logf("%s: %s is not here", c.request, c.file)
			continue
		}
		err := g.Update(parsed(t, c.request))
		if c.want[0] == '!' {
			if err == nil || !strings.Contains(err.Error(), c.want[1:]) {
				t.Errorf("%s: %v, want %s", c.request, err, c.want)
			}
			continue
		}
		b, _ := os.ReadFile(filepath.Join(p.Dir, c.file))
		if got := strings.TrimSpace(string(b)); got != c.want || err != nil {
			t.Errorf("%s: %s is %q, want %q (%v)", c.request, c.file, got, c.want, err)
		}
	}
}

func TestUpdatesOnVersion1(t *testing.T) {
	h, ok := hosts(t)["version 1"]
	if !ok {
		t.Skip("needs version 1 controllers")
	}
	changes(t, h, []change{
		{`cpu {"quota":50000,"period":100000}`, "cpu.cfs_quota_us", "50000"},
		{`cpu period 50000`, "cpu.cfs_quota_us", "50000"},
		{`cpu {"quota":4000,"period":5000}`, "cpu.cfs_period_us", "5000"},
		{`cpu {"quota":200000,"period":100000,"burst":150000}`, "cpu.cfs_burst_us", "150000"},
		{`cpu {"quota":20000,"burst":10000}`, "cpu.cfs_burst_us", "10000"},
		{`cpu {"quota":-1,"burst":0}`, "cpu.cfs_quota_us", "-1"},
		{`cpu {"idle":1,"shares":512}`, "cpu.idle", "1"},
		{`cpu {"idle":0,"shares":700}`, "cpu.shares", "700"},
		{`cpu realtimeRuntime 1000`, "cpu.rt_runtime_us", "!more than the groups above"},
		{`memory {"limit":67108864,"swap":134217728}`, "memory.memsw.limit_in_bytes", "134217728"},
		{`memory {"limit":268435456,"swap":536870912}`, "memory.limit_in_bytes", "268435456"},
		{`memory {"limit":33554432,"swap":33554432}`, "memory.memsw.limit_in_bytes", "33554432"},
		{`memory limit 67108864`, "memory.limit_in_bytes", "!update the memoryswap at the same time"},
		{`memory swap 16777216`, "memory.memsw.limit_in_bytes", "!Minimum memoryswap limit should be larger"},
		{`memory limit -1`, "memory.memsw.limit_in_bytes", "9223372036854771712"},
		{`memory disableOOMKiller true`, "memory.oom_control", "oom_kill_disable 1\nunder_oom 0\noom_kill 0"},
		{`memory disableOOMKiller false`, "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 0"},
		{`memory swappiness 0`, "memory.swappiness", "0"},
		{`memory useHierarchy true`, "memory.use_hierarchy", "1"},
		{`memory useHierarchy false`, "memory.use_hierarchy", "!cannot be false here"},
		{`memory kernelTCP 1048576`, "memory.kmem.tcp.limit_in_bytes", "1048576"},
		{`pids limit 7`, "pids.max", "7"},
		{`pids limit 0`, "pids.max", "max"},
		{`blockIO leafWeight 100`, "blkio.leaf_weight", "!no blkio.leaf_weight"},
		{`blockIO weight 300`, "blkio.bfq.weight", "300"},
		{`network classID 5`, "net_cls.classid", "!no net_cls controller"},
		{`unified {"memory.high":"1"}`, "memory.stat", "!need cgroup version 2"},
	})
}

func TestUpdatesOnVersion2(t *testing.T) {
	h, ok := hosts(t)["version 2"]
	if !ok || !h.Has("memory") {
		t.Skip("needs version 2 controllers")
	}
	changes(t, h, []change{
		{`cpu quota 50000`, "cpu.max", "50000 100000"},
		{`cpu period 200000`, "cpu.max", "50000 200000"},
		{`cpu quota 20000`, "cpu.max", "20000 200000"},
		{`cpu {"quota":90000,"period":100000,"burst":80000}`, "cpu.max.burst", "80000"},
		{`cpu {"quota":20000,"burst":10000}`, "cpu.max.burst", "10000"},
		{`cpu {"quota":-1,"burst":0}`, "cpu.max", "max 100000"},
		{`cpu {"idle":1,"shares":512}`, "cpu.idle", "1"},
		{`cpu {"idle":0,"shares":512}`, "cpu.weight", "59"},
		{`cpu realtimeRuntime 1000`, "cpu.max", "!cannot be set on cgroup version 2"},
		{`memory {"limit":67108864,"swap":134217728}`, "memory.swap.max", "67108864"},
		{`memory swap 100663296`, "memory.swap.max", "33554432"},
		{`memory {"limit":67108864,"swap":67108864}`, "memory.swap.max", "0"},
		{`memory reservation 1048576`, "memory.low", "1048576"},
		{`memory {"limit":-1}`, "memory.max", "max"},
		{`memory {"limit":4096,"checkBeforeUpdate":true}`, "memory.max", "4096"},
		{`memory {"limit":-1}`, "memory.swap.max", "max"},
		{`memory swappiness 60`, "memory.max", "!cannot be set on cgroup version 2"},
		{`pids limit 7`, "pids.max", "7"},
		{`pids limit -1`, "pids.max", "max"},
		{`blockIO weight 500`, "io.weight", "default 4950"},
		{`blockIO weight 500`, "io.bfq.weight", "default 500"},
		{`unified {"memory.high":"1048576","cpu.weight":"7"}`, "memory.high", "1048576"},
		{`unified {"memory.nonsense":"1"}`, "memory.high", "!no memory.nonsense"},
		{`unified {"nonsense.max":"1"}`, "memory.high", "!no nonsense controller"},
		{`hugepageLimits [{"pageSize":"2MB","limit":4194304}]`, "hugetlb.2MB.rsvd.max", "4194304"},
		{`hugepageLimits [{"pageSize":"3MB","limit":4194304}]`, "hugetlb.2MB.max", "!no hugetlb.3MB.max"},
	})
}

func TestALimitBelowWhatIsUsedIsAConflict(t *testing.T) {
	for name, h := range hosts(t) {
		if !h.Has("memory") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			g := made(t, h, nil)
			// What it uses is charged to the group that it is in when it begins to.
			cmd := exec.Command("sh", append([]string{"-c", `for f; do echo 0 >"$f"; done; exec sleep 1000`, "sh"}, g.JoinFiles()...)...)
			if dir, err := g.Open(); err != nil {
				t.Fatal(err)
			} else if dir != nil {
				defer dir.Close()
				cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(dir.Fd())}
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() {
				cmd.Process.Kill()
				cmd.Wait()
			}()
			for range 1000 {
				comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", cmd.Process.Pid))
				if err != nil {
					t.Fatal(err)
				}
				if string(comm) == "sleep\n" {
					break
				}
				time.Sleep(10 * time.Millisecond)
			}
			if err := g.Update(parsed(t, `memory {"limit":1,"checkBeforeUpdate":true}`)); !fault.Is(err, fault.Conflict) {
				t.Errorf("%v", err)
			} else {
				t.Log(err)
			}
		})
	}
}

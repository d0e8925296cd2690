//go:build linux

package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"berth/test/harness"
)

func limitEffects() []effect {
	return []effect{
		{field: "HostConfig.Memory", body: host(`"Memory":67108864`), script: "cg memory/memory.limit_in_bytes memory.max", want: "67108864"},
		{field: "HostConfig.MemorySwap", body: host(`"Memory":67108864,"MemorySwap":100663296`), script: "cg memory/memory.memsw.limit_in_bytes memory.swap.max", want: "100663296", v2: "33554432"},
		{field: "HostConfig.MemorySwap,without a limit", body: host(`"Memory":67108864,"MemorySwap":-1`), script: "cg memory/memory.memsw.limit_in_bytes memory.swap.max", want: "9223372036854771712", v2: "max"},
		{field: "HostConfig.MemorySwap,by itself", body: host(`"Memory":67108864`), script: "cg memory/memory.memsw.limit_in_bytes memory.swap.max", want: "134217728", v2: "67108864"},
		{field: "HostConfig.MemoryReservation", body: host(`"MemoryReservation":33554432`), script: "cg memory/memory.soft_limit_in_bytes memory.low", want: "33554432"},
		{field: "HostConfig.MemorySwappiness", body: host(`"MemorySwappiness":7`), script: "cg memory/memory.swappiness", want: "7", needs: "/sys/fs/cgroup/memory/memory.swappiness", lost: "Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. Memory swappiness discarded."},
		{field: "HostConfig.MemorySwappiness,none", body: host(`"MemorySwappiness":0`), script: "cg memory/memory.swappiness none 2>/dev/null || echo 0", want: "0"},
		{field: "HostConfig.OomKillDisable", body: host(`"Memory":67108864,"OomKillDisable":true`), script: "cg memory/memory.oom_control | head -1", want: "oom_kill_disable 1", needs: "/sys/fs/cgroup/memory/memory.oom_control", lost: "Your kernel does not support OomKillDisable. OomKillDisable discarded."},
		{field: "HostConfig.OomScoreAdj", body: host(`"OomScoreAdj":345`), script: "cat /proc/self/oom_score_adj", want: "345"},
		{field: "HostConfig.NanoCpus", body: host(`"NanoCpus":500000000`), script: "cg cpu/cpu.cfs_quota_us cpu.max", want: "50000", v2: "50000 100000"},
		{field: "HostConfig.CpuShares", body: host(`"CpuShares":512`), script: "cg cpu/cpu.shares cpu.weight", want: "512", v2: "59"},
		{field: "HostConfig.CpuPeriod", body: host(`"CpuPeriod":50000`), script: "cg cpu/cpu.cfs_period_us cpu.max", want: "50000", v2: "max 50000"},
		{field: "HostConfig.CpuQuota", body: host(`"CpuQuota":25000`), script: "cg cpu/cpu.cfs_quota_us cpu.max", want: "25000", v2: "25000 100000"},
		{field: "HostConfig.CpusetCpus", body: host(`"CpusetCpus":"0"`), script: "grep Cpus_allowed_list: /proc/self/status | cut -f2; cg cpuset/cpuset.cpus cpuset.cpus", want: "0\n0"},
		{field: "HostConfig.CpusetMems", body: host(`"CpusetMems":"0"`), script: "cg cpuset/cpuset.mems cpuset.mems", want: "0"},
		{field: "HostConfig.CpuRealtimePeriod", body: host(`"CpuRealtimePeriod":500000`), script: "cg cpu/cpu.rt_period_us", want: "500000", needs: "/sys/fs/cgroup/cpu/cpu.rt_period_us"},
		{field: "HostConfig.PidsLimit", body: host(`"PidsLimit":9`), script: "cg pids/pids.max pids.max", want: "9"},
		{field: "HostConfig.PidsLimit,none", body: host(`"PidsLimit":-1`), script: "cg pids/pids.max pids.max", want: "max"},
		{field: "HostConfig.Ulimits", body: host(`"Ulimits":[{"Name":"nofile","Soft":100,"Hard":200},{"Name":"core","Soft":-1,"Hard":-1}]`), script: "ulimit -Sn; ulimit -Hn; ulimit -c", want: "100\n200\nunlimited"},
		{field: "HostConfig.ShmSize", body: host(`"ShmSize":1048576`), script: "df -k /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2", want: "1024"},
		{field: "HostConfig.CgroupParent", body: host(`"CgroupParent":"/berth-test-parent","CgroupnsMode":"host"`), script: "grep -c '/berth-test-parent/' /proc/self/cgroup | sed 's/^[1-9].*/there/'", want: "there"},
	}
}

// TestLimitsOfBlockDevicesReachTheControlGroup is about a disk of the host's, if it has one.
func TestLimitsOfBlockDevicesReachTheControlGroup(t *testing.T) {
	t.Parallel()
	disk, number := wholeDisk(t)
	d := harness.Start(t)
	d.Busybox()
	for i, field := range []string{"BlkioDeviceReadBps", "BlkioDeviceWriteBps", "BlkioDeviceReadIOps", "BlkioDeviceWriteIOps"} {
		v1 := []string{"read_bps", "write_bps", "read_iops", "write_iops"}[i]
		v2 := []string{"rbps", "wbps", "riops", "wiops"}[i]
		script := fmt.Sprintf(`if [ -e /sys/fs/cgroup/cgroup.controllers ]; then tr ' ' '\n' < /sys/fs/cgroup/io.max | grep -F '%s
%s='; else cat /sys/fs/cgroup/blkio/blkio.throttle.%s_device; fi | tr '\n=' '  ' | sed 's/ %s//'`, number, v2, v1, v2)
		body := host(`"%s":[{"Path":%q,"Rate":1048576}]`, field, disk)
		if got := inside(t, d, body, script); got != number+" 1048576" {
			t.Errorf("%s: %q", field, got)
		}
		if got := refused(t, d, host(`"%s":[{"Path":"/dev/no-such-disk","Rate":1}]`, field)); got != "stat /dev/no-such-disk: no such file or directory" {
			t.Errorf("%s: %s", field, got)
		}
	}
	if got := refused(t, d, host(`"BlkioDeviceReadBps":[{"Path":"/dev/null","Rate":1}]`)); !strings.HasPrefix(got, "/dev/null is not a block device") {
		t.Error(got)
	}
	// The weight is there where a scheduler or the cost controller weighs.
	const weight = `for f in blkio/blkio.bfq.weight blkio/blkio.weight io.bfq.weight io.weight; do [ ! -e /sys/fs/cgroup/$f ] || { cat /sys/fs/cgroup/$f | sed 's/default //'; break; }; done`
	if unweighed := inside(t, d, `{}`, weight); unweighed != "" {
		if got := inside(t, d, host(`"BlkioWeight":300`), weight); got != "300" {
			t.Errorf("the weight is %s", got)
		}
	} else if got := discarded(t, d, host(`"BlkioWeight":300,"BlkioWeightDevice":[{"Path":%q,"Weight":100}]`, disk)); got != "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.\nYour kernel does not support Block I/O weight_device or the cgroup is not mounted. Weight-device discarded." {
		t.Errorf("without a controller: %s", got)
	} else {
		return
	}
	if got := refused(t, d, host(`"BlkioWeightDevice":[{"Path":"/dev/no-such-disk","Weight":100}]`)); got != "stat /dev/no-such-disk: no such file or directory" {
		t.Errorf("BlkioWeightDevice: %s", got)
	}
}

// wholeDisk finds a block device of the host's that is no partition.
func wholeDisk(t *testing.T) (path, number string) {
	t.Helper()
	for _, name := range []string{"vda", "sda", "nvme0n1", "xvda"} {
		var st unix.Stat_t
		if unix.Stat("/dev/"+name, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFBLK {
			return "/dev/" + name, fmt.Sprintf("%d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev))
		}
	}
	t.Skip("this host has no disk")
	return "", ""
}

// discarded is the warnings of a container that is made and runs without what was asked for.
func discarded(t *testing.T, d *harness.Daemon, body string) string {
	t.Helper()
	all := map[string]any{}
	unmarshal(t, []byte(body), &all)
	all["Image"], all["Cmd"] = "busybox", []string{"true"}
	status, answer := post(t, d, "/containers/create", all)
	var made struct {
		ID       string
		Warnings []string
	}
	unmarshal(t, answer, &made)
	if status != http.StatusCreated {
		t.Fatalf("%d %s", status, answer)
	}
	defer removed(t, d, made.ID)
	started(t, d, made.ID)
	output(t, d, made.ID)
	return strings.Join(made.Warnings, "\n")
}

// refused is the error of a container that cannot be made or started.
func refused(t *testing.T, d *harness.Daemon, body string) string {
	t.Helper()
	all := map[string]any{}
	unmarshal(t, []byte(body), &all)
	all["Image"], all["Cmd"] = "busybox", []string{"true"}
	status, answer := post(t, d, "/containers/create", all)
	var made struct{ ID, Message string }
	unmarshal(t, answer, &made)
	if status >= 400 {
		return made.Message
	}
	defer removed(t, d, made.ID)
	status, answer = post(t, d, "/containers/"+made.ID+"/start", nil)
	if status < 400 {
		t.Errorf("%s is not refused", body)
		return ""
	}
	unmarshal(t, answer, &made)
	return made.Message
}

func unmarshal(t *testing.T, text []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// readHost reads a file of the host's.
func readHost(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

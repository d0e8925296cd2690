package stats

import (
	"bytes"
	"testing"

	"github.com/moby/moby/api/types/container"
)

func sample() container.StatsResponse {
	s := container.StatsResponse{Name: "/web", ID: "0123456789abcdef0123"}
	s.PreCPUStats.CPUUsage.TotalUsage, s.PreCPUStats.SystemUsage = 100, 1000
	s.CPUStats.CPUUsage.TotalUsage, s.CPUStats.SystemUsage, s.CPUStats.OnlineCPUs = 150, 1200, 4
	s.MemoryStats.Usage, s.MemoryStats.Limit = 3<<20, 12<<20
	s.MemoryStats.Stats = map[string]uint64{"inactive_file": 1 << 20}
	s.Networks = map[string]container.NetworkStats{"eth0": {RxBytes: 1500, TxBytes: 20}, "eth1": {RxBytes: 500}}
	s.BlkioStats.IoServiceBytesRecursive = []container.BlkioStatEntry{{Op: "read", Value: 4096}, {Op: "Read", Value: 1}, {Op: "WRITE", Value: 7}, {Op: "", Value: 9}, {Op: "Total", Value: 9}}
	s.PidsStats.Current = 3
	return s
}

func TestFiguresAreComputedAsDockersClientDoes(t *testing.T) {
	want := Use{CPU: 100, Used: 2 << 20, Limit: 12 << 20, Received: 2000, Sent: 20, ReadDisk: 4097, Written: 7, Processes: 3}
	want.Memory = want.Used / want.Limit * 100
	if got := UseOf(sample()); got != want {
		t.Errorf("got %+v", got)
	}
	s := sample()
	s.CPUStats.OnlineCPUs = 0
	s.CPUStats.CPUUsage.PercpuUsage = []uint64{1, 2}
	s.MemoryStats.Stats = map[string]uint64{"total_inactive_file": 2 << 20, "inactive_file": 1}
	if u := UseOf(s); u.CPU != 50 || u.Used != 1<<20 {
		t.Errorf("with two processors and a cgroup of version 1: %+v", u)
	}
	s.MemoryStats.Stats["total_inactive_file"] = 9 << 20 // more than is used
	if u := UseOf(s); u.Used != 3<<20-1 {
		t.Errorf("with too large a cache: %+v", u)
	}
	s.CPUStats.SystemUsage = s.PreCPUStats.SystemUsage
	if u := UseOf(s); u.CPU != 0 {
		t.Errorf("without any time between: %+v", u)
	}
	if u := UseOf(container.StatsResponse{}); u != (Use{}) {
		t.Errorf("of a container that does not run: %+v", u)
	}
}

func TestTheTableAndItsPlaceholdersAreDockers(t *testing.T) {
	rows := []*Row{
		{asked: "web", name: "/web", id: "0123456789abcdef0123", use: UseOf(sample()), trunc: true},
		{asked: "gone", lost: true, trunc: true},
	}
	for text, want := range map[string]string{
		"": "CONTAINER ID   NAME      CPU %     MEM USAGE / LIMIT   MEM %     NET I/O     BLOCK I/O    PIDS\n" +
			"0123456789ab   web       100.00%   2MiB / 12MiB        16.67%    2kB / 20B   4.1kB / 7B   3\n" +
			"               --        --        -- / --             --        --          --           --\n",
		"{{.Container}} {{.MemPerc}}": "web 16.67%\ngone --\n",
		"json": `{"BlockIO":"4.1kB / 7B","CPUPerc":"100.00%","Container":"web","ID":"0123456789ab","MemPerc":"16.67%","MemUsage":"2MiB / 12MiB","Name":"web","NetIO":"2kB / 20B","PIDs":"3"}` + "\n" +
			`{"BlockIO":"--","CPUPerc":"--","Container":"gone","ID":"","MemPerc":"--","MemUsage":"-- / --","Name":"--","NetIO":"--","PIDs":"--"}` + "\n",
	} {
		var b bytes.Buffer
		if err := Write(&b, text, rows); err != nil || b.String() != want {
			t.Errorf("%q gives (%v)\n%s", text, err, b.String())
		}
	}
}

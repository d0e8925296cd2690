package cgroup

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/fault"
)

func TestAFilesOldValueIsWrittenAsItIsRead(t *testing.T) {
	for _, c := range [][4]string{
		{"memory.limit_in_bytes", "9223372036854771712\n", "67108864", "9223372036854771712"},
		{"cpu.max", "max 100000\n", "5000 100000", "max 100000"},
		{"cpuset.cpus", "\n", "0", "\n"},
		{"memory.oom_control", "oom_kill_disable 1\nunder_oom 0\noom_kill 0\n", "0", "1"},
		{"io.weight", "default 100\n8:0 50\n", "300", "default 100"},
		{"io.weight", "default 100\n8:0 50\n", "8:0 300", "8:0 50"},
		{"io.weight", "default 100\n", "8:0 300", "8:0 default"},
		{"io.max", "8:16 rbps=1 wbps=max riops=max wiops=max\n", "8:1 rbps=5", "8:1 rbps=max wbps=max riops=max wiops=max"},
		{"io.max", "8:1 rbps=1 wbps=max riops=max wiops=max\n", "8:1 rbps=5", "8:1 rbps=1 wbps=max riops=max wiops=max"},
		{"blkio.throttle.read_bps_device", "", "8:0 1", "8:0 0"},
		{"blkio.throttle.read_bps_device", "8:0 77\n", "8:0 1", "8:0 77"},
	} {
		if got := previous(c[0], c[1], c[2]); got != c[3] {
			t.Errorf("%s of %q: %q, want %q", c[0], c[1], got, c[3])
		}
	}
}

func TestAnUpdateIsMadeWholeOrNotAtAll(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	h, err := Detect()
	if err != nil {
		t.Fatal(err)
	}
	n := func(v int64) *int64 { return &v }
	u := func(v uint64) *uint64 { return &v }
	limits := func(memory, sum, quota, pids int64) *specs.LinuxResources {
		return &specs.LinuxResources{
			Memory: &specs.LinuxMemory{Limit: n(memory), Swap: n(sum)}, CPU: &specs.LinuxCPU{Quota: n(quota), Period: u(50_000)}, Pids: &specs.LinuxPids{Limit: n(pids)},
		}
	}
	g, err := h.Create(fmt.Sprintf("/berth-undo-%d", os.Getpid()), limits(64<<20, 128<<20, 25_000, 33))
	if err != nil {
		t.Fatal(err)
	}
	defer g.Remove(context.Background())
	all := func() string {
		text := ""
		for _, f := range [][3]string{{"memory", "memory.limit_in_bytes", "memory.max"}, {"memory", "memory.memsw.limit_in_bytes", "memory.swap.max"},
			{"cpu", "cpu.cfs_quota_us", "cpu.max"}, {"cpu", "cpu.cfs_period_us", "cpu.max"}, {"pids", "pids.max", "pids.max"}} {
			file := f[1]
			if h.on(f[0]) == V2 {
				file = f[2]
			}
			text += file + " = " + writer{g}.holds(f[0], file) + "; "
		}
		return text
	}
	was := all()
	try := func(r *specs.LinuxResources) (func() error, error) {
		c, err := g.Change(r)
		if err != nil {
			return nil, err
		}
		return c.WriteOrLeave()
	}
	bad := limits(32<<20, 48<<20, 10_000, 5)
	bad.CPU.Cpus = "999" // comes after memory and cpu
	if _, err := try(bad); err == nil || fault.KindOf(err) == fault.Internal {
		t.Errorf("processors that are not there: %v", err)
	}
	if now := all(); now != was {
		t.Errorf("a failed update leaves %s\nbefore: %s", now, was)
	}
	for _, more := range []*specs.LinuxResources{limits(32<<20, 48<<20, 10_000, 5), limits(256<<20, 300<<20, -1, -1)} {
		undo, err := try(more)
		if err != nil {
			t.Fatal(err)
		}
		if now := all(); now == was {
			t.Errorf("an update leaves %s", now)
		}
		if err := undo(); err != nil {
			t.Error(err)
		}
		if now := all(); now != was {
			t.Errorf("an update that is taken back leaves %s\nbefore: %s", now, was)
		}
	}
}

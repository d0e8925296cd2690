package cgroup

import (
	"fmt"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/fault"
)

func ptr[T any](v T) *T { return &v }

// everything asks for a bit of each controller.
func everything(v Version) *specs.LinuxResources {
	disk := specs.LinuxThrottleDevice{Rate: 1 << 20}
	disk.Major, disk.Minor = 8, 0
	memory := specs.LinuxMemory{Limit: ptr(int64(1 << 20)), Swap: ptr(int64(3 << 20)), Reservation: ptr(int64(4096))}
	if v == V1 {
		memory.Swappiness, memory.DisableOOMKiller = ptr(uint64(10)), ptr(true)
	}
	return &specs.LinuxResources{
		Memory:         &memory,
		CPU:            &specs.LinuxCPU{Shares: ptr(uint64(512)), Quota: ptr(int64(50000)), Period: ptr(uint64(100000)), Cpus: "0-1", Mems: "0"},
		Pids:           &specs.LinuxPids{Limit: ptr(int64(42))},
		BlockIO:        &specs.LinuxBlockIO{Weight: ptr(uint16(500)), ThrottleReadBpsDevice: []specs.LinuxThrottleDevice{disk}},
		HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 4 << 20}},
	}
}

// planned is the plan for a group that is about to be made, with everything on one version.
func planned(v Version, r *specs.LinuxResources) (steps, error) {
	return (&planner{on: func(string) Version { return v }}).plan(r)
}

func text(s steps) string {
	var lines []string
	for _, x := range s {
		lines = append(lines, x.String())
	}
	return strings.Join(lines, "\n")
}

func TestResourcesBecomeTheFilesOfEachVersion(t *testing.T) {
	for v, want := range map[Version]string{
		V1: `memory memory.limit_in_bytes = 1048576, or later
memory memory.memsw.limit_in_bytes = 3145728
memory memory.soft_limit_in_bytes = 4096
memory memory.oom_control = 1
memory memory.swappiness = 10
cpu cpu.shares = 512
cpu cpu.cfs_period_us = 100000, or later
cpu cpu.cfs_quota_us = 50000
cpuset cpuset.cpus = 0-1
cpuset cpuset.mems = 0
pids pids.max = 42
blkio blkio.weight = 500, else blkio.bfq.weight = 500
blkio blkio.throttle.read_bps_device = 8:0 1048576
hugetlb hugetlb.2MB.limit_in_bytes = 4194304
hugetlb hugetlb.2MB.rsvd.limit_in_bytes = 4194304, if it is there`,
		V2: `memory memory.swap.max = 2097152
memory memory.max = 1048576
memory memory.low = 4096
cpu cpu.weight = 59
cpu cpu.max = 50000 100000
cpuset cpuset.cpus = 0-1
cpuset cpuset.mems = 0
pids pids.max = 42
io io.bfq.weight = 500, else io.weight = 4950
io io.max = 8:0 rbps=1048576
hugetlb hugetlb.2MB.max = 4194304
hugetlb hugetlb.2MB.rsvd.max = 4194304, if it is there`,
	} {
		got, err := planned(v, everything(v))
		if err != nil {
			t.Fatal(err)
		}
		if text(got) != want {
			t.Errorf("version %d:\n%s\nwant\n%s", v, text(got), want)
		}
	}
}

func TestCPUSharesKeepTheirEndsAndDefaultAsWeights(t *testing.T) {
	for shares, want := range map[uint64]uint64{1: 1, 2: 1, 1024: 100, 262144: 10000, 1 << 40: 10000} {
		if got := weight(shares); got != want {
			t.Errorf("%d shares give weight %d, want %d", shares, got, want)
		}
	}
	for s := uint64(2); s < 262144; s += 97 {
		if weight(s) > weight(s+97) || weight(s) < 1 || weight(s) > 10000 {
			t.Fatalf("weight(%d) = %d", s, weight(s))
		}
	}
}

func TestSwapOfVersion2IsWhatIsLeftAfterMemory(t *testing.T) {
	for _, c := range []struct {
		limit, both int64
		want        string
		bad         bool
	}{
		{0, 0, "", false}, {100, 0, "", false}, {100, 100, "0", false}, {100, 250, "150", false}, {100, -1, "max", false},
		{-1, 0, "max", false}, {-1, -1, "max", false}, {0, -1, "max", false}, {-1, 50, "50", false}, {100, 50, "", true}, {0, 50, "", true},
	} {
		got, err := swapV2(c.limit, c.both)
		if got != c.want || fault.Is(err, fault.Invalid) != c.bad {
			t.Errorf("memory %d, both %d: %q, %v", c.limit, c.both, got, err)
		}
	}
}

func TestNoLimitIsSpelledAsEachVersionWantsIt(t *testing.T) {
	r := &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(int64(-1))}, CPU: &specs.LinuxCPU{Quota: ptr(int64(-1))}, Pids: &specs.LinuxPids{Limit: ptr(int64(-1))}}
	for v, want := range map[Version]string{
		V1: "memory memory.limit_in_bytes = -1, or later\nmemory memory.memsw.limit_in_bytes = -1, if it is there\ncpu cpu.cfs_quota_us = -1\npids pids.max = max",
		V2: "memory memory.swap.max = max, if it is there\nmemory memory.max = max\ncpu cpu.max = max\npids pids.max = max",
	} {
		got, err := planned(v, r)
		if err != nil || text(got) != want {
			t.Errorf("version %d:\n%s\n%v", v, text(got), err)
		}
	}
}

func TestASenselessRequestIsRefusedBeforeAnythingIsWritten(t *testing.T) {
	for name, r := range map[string]*specs.LinuxResources{
		"swap below memory": {Memory: &specs.LinuxMemory{Limit: ptr(int64(100)), Swap: ptr(int64(50))}},
	} {
		for _, v := range []Version{V1, V2} {
			if _, err := planned(v, r); !fault.Is(err, fault.Invalid) {
				t.Errorf("%s, version %d: %v", name, v, err)
			}
		}
	}
	for _, file := range []string{"../../x.y", "memory", "a/b.c"} {
		if _, err := planned(V2, &specs.LinuxResources{Unified: map[string]string{file: "1"}}); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", file, err)
		}
	}
}

func TestDeviceRulesOfVersion1DenyEverythingFirst(t *testing.T) {
	got, err := deviceSteps([]specs.LinuxDeviceCgroup{
		{Allow: false, Access: "rwm"},
		{Allow: true, Type: "c", Access: "m"},
		{Allow: true, Type: "c", Major: ptr(int64(1)), Minor: ptr(int64(3)), Access: "rwm"},
		{Allow: false, Access: "w"},
	})
	want := `devices devices.deny = a
devices devices.deny = a
devices devices.allow = c *:* m
devices devices.allow = c 1:3 rwm
devices devices.deny = b *:* w
devices devices.deny = c *:* w`
	if err != nil || text(got) != want {
		t.Errorf("%s\n%v", text(got), err)
	}
}

// simulate runs a device program as the kernel would.
func simulate(code []bpfInstruction, kind byte, major, minor, access int32) bool {
	ctx := []int32{access<<16 | int32(kind-'b') + 1, major, minor}
	var reg [10]int32
	for pc := 0; ; pc++ {
		in := code[pc]
		switch in.op {
		case bpfLoad:
			reg[in.dst] = ctx[in.off/4]
		case bpfMov:
			reg[in.dst] = in.imm
		case bpfMovReg:
			reg[in.dst] = reg[in.src]
		case bpfAnd:
			reg[in.dst] &= in.imm
		case bpfShift:
			reg[in.dst] >>= in.imm
		case bpfIfEqual:
			if reg[in.dst] == in.imm {
				pc += int(in.off)
			}
		case bpfIfNot:
			if reg[in.dst] != in.imm {
				pc += int(in.off)
			}
		case bpfExit:
			return reg[0] == 1
		}
	}
}

func TestADeviceProgramLetsTheLastRuleDecideEachAccess(t *testing.T) {
	rules := []specs.LinuxDeviceCgroup{
		{Allow: false, Access: "rwm"},
		{Allow: true, Type: "c", Access: "m"},
		{Allow: true, Type: "c", Major: ptr(int64(1)), Minor: ptr(int64(3)), Access: "r"},
		{Allow: true, Type: "c", Major: ptr(int64(1)), Minor: ptr(int64(3)), Access: "w"},
		{Allow: true, Type: "c", Major: ptr(int64(136)), Access: "rwm"},
		{Allow: false, Type: "c", Major: ptr(int64(136)), Minor: ptr(int64(7)), Access: "w"},
	}
	code, err := deviceProgram(rules)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		kind                 byte
		major, minor, access int32
		want                 bool
	}{
		{'c', 1, 3, accessRead | accessWrite, true}, {'c', 1, 3, accessAll, true}, {'c', 1, 4, accessRead, false}, {'c', 9, 9, accessMknod, true},
		{'b', 9, 9, accessMknod, false}, {'c', 136, 7, accessRead, true}, {'c', 136, 7, accessRead | accessWrite, false}, {'c', 136, 8, accessAll, true}, {'b', 1, 3, accessRead, false},
	} {
		if got := simulate(code, c.kind, c.major, c.minor, c.access); got != c.want {
			t.Errorf("%c %d:%d access %d: %v", c.kind, c.major, c.minor, c.access, got)
		}
	}
}

func TestABadDeviceRuleIsRefused(t *testing.T) {
	for _, r := range []specs.LinuxDeviceCgroup{{Type: "x"}, {Type: "c", Access: "rx"}, {Type: "c", Major: ptr(int64(-5))}, {Type: "a", Major: ptr(int64(1))}} {
		if _, err := readRule(r); !fault.Is(err, fault.Invalid) {
			t.Errorf("%+v: %v", r, err)
		}
	}
}

func TestMountsAreReadWhateverTheirPaths(t *testing.T) {
	line := func(n int, at, fstype, opts string) string {
		return fmt.Sprintf("%d 23 0:%d / %s rw - %s %s rw,%s\n", n, n, at, fstype, fstype, opts)
	}
	hybrid := line(1, "/cg/cpu,cpuacct", "cgroup", "cpu,cpuacct") + line(2, "/elsewhere/mem", "cgroup", "memory") + line(3, "/again/mem", "cgroup", "memory") +
		line(4, "/cg/systemd", "cgroup", "xattr,name=systemd") + line(5, "/cg/unified", "cgroup2", "nsdelegate")
	h, err := detect(strings.NewReader(hybrid))
	if err != nil || h.Version() != V1 || fmt.Sprint(h.mounts) != "[{/cg/cpu,cpuacct [cpu cpuacct]  false} {/elsewhere/mem [memory]  false} {/cg/systemd [] systemd false}]" || !h.Has("cpuacct") || h.Has("pids") {
		t.Errorf("%+v %v", h, err)
	}
	g, err := h.at("/berth/x")
	if err != nil || fmt.Sprint(g.JoinFiles()) != "[/cg/cpu,cpuacct/berth/x/tasks /elsewhere/mem/berth/x/tasks /cg/systemd/berth/x/tasks]" {
		t.Errorf("%v %v", g, err)
	}
	if _, err := detect(strings.NewReader("")); !fault.Is(err, fault.Unavailable) {
		t.Errorf("no mounts: %v", err)
	}
}

func TestAPathThatIsNotBelowTheRootIsRefused(t *testing.T) {
	h := Hierarchy{version: V2, mounts: []Place{{Dir: t.TempDir(), Unified: true}}}
	for _, name := range []string{"", "/", "x", "/../x", "/a/../../x", "/a\nb"} {
		if _, err := h.Create(name, nil); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

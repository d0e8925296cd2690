package stat

import (
	"math"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"berth/internal/linux/cgroup"
)

// v1 and v2 read files that were copied from a group, Linux 6.18 and 6.1.
func v1() reader {
	return reader{where: func(c string) (cgroup.Place, bool) {
		dir := filepath.Join("testdata/v1", c)
		_, err := os.Stat(dir)
		return cgroup.Place{Dir: dir}, err == nil
	}}
}

func v2() reader {
	return reader{tree: "testdata/v2", where: func(c string) (cgroup.Place, bool) {
		return cgroup.Place{Dir: "testdata/v2", Unified: true}, c != "cpuacct" && c != "blkio"
	}}
}

func TestAGroupOfVersion1IsRead(t *testing.T) {
	const unlimited = 9223372036854771712
	s := v1().read()
	if want := (CPU{Total: 34984932, User: 28000000, PerCPU: []uint64{1208772, 33776160}, PerUser: []uint64{0, 28000000}, PerKernel: []uint64{0, 0}, Periods: 2}); !reflect.DeepEqual(s.CPU, want) {
		t.Errorf("%+v", s.CPU)
	}
	for name, c := range map[string][2]Counter{
		"usage": {s.Memory.Usage, {Usage: 1167360, Peak: 2793472, Limit: 64 << 20}}, "swap": {s.Memory.Swap, {Usage: 1167360, Peak: 2793472, Limit: 128 << 20}},
		"kernel": {s.Memory.Kernel, {Usage: 249856, Peak: 602112, Limit: unlimited}}, "tcp": {s.Memory.KernelTCP, {Limit: unlimited}},
	} {
		if c[0] != c[1] {
			t.Errorf("%s: %+v", name, c[0])
		}
	}
	if s.Memory.Cache() != 790528 || s.Memory.Stat["total_pgfault"] != 821 || len(s.Memory.Stat) != 42 || s.Memory.OOMKills != 0 {
		t.Errorf("%+v", s.Memory)
	}
	if s.Pids != (Pids{1, 33}) || s.Block.Bytes != nil || s.Block.Ops != nil || s.Huge != nil || s.RDMA != nil || s.CPU.Pressure.Counted {
		t.Errorf("%+v", s)
	}
}

func TestAGroupOfVersion2IsRead(t *testing.T) {
	s := v2().read()
	stalled := Pressure{Counted: true, Some: Stall{Total: 2455}, Full: Stall{Total: 2455}}
	if want := (CPU{Total: 1890886000, User: 1886897000, Kernel: 3989000, Pressure: stalled}); !reflect.DeepEqual(s.CPU, want) {
		t.Errorf("%+v", s.CPU)
	}
	if s.Memory.Usage != (Counter{Usage: 516096, Peak: 516096, Limit: 64 << 20}) || s.Memory.Swap != (Counter{Usage: 516096, Limit: Unlimited}) {
		t.Errorf("%+v", s.Memory)
	}
	if s.Memory.Stat["anon"] != 61440 || s.Memory.Cache() != 0 || !s.Memory.Pressure.Counted || !s.Block.Pressure.Counted {
		t.Errorf("%+v", s.Memory)
	}
	if want := map[string]Huge{"2MB": {Counter{Limit: Unlimited}, Counter{Limit: Unlimited}}}; s.Pids != (Pids{1, 33}) || !reflect.DeepEqual(s.Huge, want) || len(s.RDMA) != 0 {
		t.Errorf("%+v", s)
	}
}

// files makes a group of files on version 2, or a controller's on version 1.
func files(t *testing.T, texts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range texts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestSwapOfVersion2IsCountedWithMemory(t *testing.T) {
	m := memoryV2(files(t, map[string]string{
		"memory.current": "4096\n", "memory.max": "10000\n", "memory.swap.current": "1000\n", "memory.swap.max": "2000\n", "memory.events": "max 7\noom 3\noom_kill 2\n", "memory.swap.events": "max 4\n",
	}))
	if m.Usage != (Counter{Usage: 4096, Limit: 10000, Fails: 7}) || m.Swap != (Counter{Usage: 5096, Limit: 12000, Fails: 4}) || m.OOMKills != 2 || m.OOMEvents != 3 {
		t.Errorf("%+v", m)
	}
	m = memoryV2(files(t, map[string]string{"memory.max": "max", "memory.swap.max": "2000"}))
	if m.Swap.Limit != Unlimited {
		t.Errorf("no limit and one of 2000 are %d", m.Swap.Limit)
	}
}

func TestBlocksAreCountedByDevice(t *testing.T) {
	one := blockV1(files(t, map[string]string{
		"blkio.throttle.io_service_bytes_recursive": "8:0 Read 4096\n8:0 Total 4096\n8:0\nx:0 Read 1\n8:0 Read -1\nTotal 4096\n", "blkio.throttle.io_serviced_recursive": "8:16 Write 2\nTotal 2\n",
	}))
	if want := (Block{Bytes: []Device{{8, 0, "Read", 4096}, {8, 0, "Total", 4096}}, Ops: []Device{{8, 16, "Write", 2}}}); !reflect.DeepEqual(one, want) {
		t.Errorf("%+v", one)
	}
	old := blockV1(files(t, map[string]string{"blkio.throttle.io_service_bytes_recursive": "Total 0\n", "blkio.io_service_bytes_recursive": "8:0 Read 5\n"}))
	if want := (Block{Bytes: []Device{{8, 0, "Read", 5}}}); !reflect.DeepEqual(old, want) {
		t.Errorf("%+v", old)
	}
	two := blockV2(files(t, map[string]string{"io.stat": "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6 cost.usage=7\n\n259:3\n8:16 rbytes wios=x =\n253:0 rbytes=9\n"}))
	if want := (Block{
		Bytes: []Device{{8, 0, "Read", 1}, {8, 0, "Write", 2}, {8, 0, "Discard", 5}, {253, 0, "Read", 9}},
		Ops:   []Device{{8, 0, "Read", 3}, {8, 0, "Write", 4}, {8, 0, "Discard", 6}},
	}); !reflect.DeepEqual(two, want) {
		t.Errorf("%+v", two)
	}
}

func TestRDMAIsCountedByDevice(t *testing.T) {
	got := rdma("mlx5_1 hca_handle=2 hca_object=3\n\nbroken\n", "mlx5_1 hca_handle=10 hca_object=max\nocrdma1 hca_handle=1 hca_object=x\n")
	if want := map[string]RDMA{"mlx5_1": {2, 3, 10, Unlimited}, "ocrdma1": {HandleLimit: 1}}; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestPressureIsRead(t *testing.T) {
	got := pressure("some avg10=12.34 avg60=5.00 avg300=100.00 total=123456\nfull avg10=nan avg60=-1 avg300=1e9 total=99\nother avg10=1\n")
	if want := (Pressure{true, Stall{12.34, 5, 100, 123456}, Stall{Total: 99}}); got != want || math.IsNaN(got.Full.Avg10) {
		t.Errorf("%+v", got)
	}
	if got := pressure(""); got.Counted {
		t.Errorf("%+v", got)
	}
}

func TestWhatCannotBeUnderstoodIsNothing(t *testing.T) {
	for _, text := range []string{"", "-1", "1 2", "0x10", "1e3", "99999999999999999999999", "none", "\x00"} {
		if n := parse(text); n != 0 {
			t.Errorf("%q is %d", text, n)
		}
	}
	for _, line := range []string{"", "1 x", "-1"} {
		if n := numbers(line); n != nil {
			t.Errorf("%q is %v", line, n)
		}
	}
	dir := files(t, map[string]string{"memory.stat": "cache\nrss 1 2\nshmem -4\nfile 5\n", "cpuacct.stat": "user 3\nsystem 2\n"})
	if got := table(dir, "memory.stat"); !reflect.DeepEqual(got, map[string]uint64{"file": 5}) {
		t.Errorf("%v", got)
	}
	old := reader{where: func(c string) (cgroup.Place, bool) { return cgroup.Place{Dir: dir}, c == "cpuacct" }}
	if s := old.read(); s.CPU.User != 30000000 || s.CPU.Kernel != 20000000 {
		t.Errorf("%+v", s.CPU)
	}
	if s := (reader{where: func(string) (cgroup.Place, bool) { return cgroup.Place{Dir: "/nonexistent"}, true }}).read(); s.CPU.Total != 0 || len(s.Huge) != 0 || len(s.Memory.Stat) != 0 {
		t.Errorf("a group that is gone: %+v", s)
	}
}

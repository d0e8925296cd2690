//go:build linux

package stats

import (
	"os"
	"path/filepath"
	"testing"
)

func group(t *testing.T, files map[string]string) Dirs {
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return func(string) string { return dir }
}

func TestVersion2IsReadInVersion1sUnits(t *testing.T) {
	s := V2(group(t, map[string]string{
		"cpu.stat": "usage_usec 5\nuser_usec 3\nsystem_usec 2\nnr_periods 7\nthrottled_usec 4\n", "memory.max": "max\n", "memory.current": "4096\n",
		"memory.swap.current": "1000\n", "memory.swap.max": "2000\n", "memory.stat": "anon 1\nfile 2\n", "pids.current": "3\n", "pids.max": "max\n",
		"io.stat": "8:0 rbytes=1 wbytes=2 rios=3 wios=4\n",
	}))
	if s.CPU.Usage.Total != 5000 || s.CPU.Throttling.ThrottledTime != 4000 || s.Memory.Usage.Limit != unlimited || s.Memory.Swap.Usage != 5096 || s.Memory.Cache != 2 {
		t.Errorf("%+v", s)
	}
	if s.Pids != (Pids{Current: 3}) || s.BlockIO.Ops[1] != (Device{8, 0, "Write", 4}) {
		t.Errorf("%+v", s)
	}
}

func TestVersion1IsRead(t *testing.T) {
	s := V1(group(t, map[string]string{
		"cpuacct.usage": "9\n", "cpuacct.usage_percpu": "4 5 \n", "memory.limit_in_bytes": "100\n", "memory.failcnt": "2\n", "memory.stat": "cache 6\n",
		"pids.current": "1\n", "pids.max": "20\n", "blkio.throttle.io_serviced_recursive": "8:16 Read 4\nTotal 4\n",
	}))
	if s.CPU.Usage.Total != 9 || len(s.CPU.Usage.Percpu) != 2 || s.Memory.Usage.Limit != 100 || s.Memory.Usage.Failcnt != 2 || s.Memory.Cache != 6 || s.Pids.Limit != 20 {
		t.Errorf("%+v", s)
	}
	if len(s.BlockIO.Ops) != 1 || s.BlockIO.Ops[0] != (Device{8, 16, "Read", 4}) {
		t.Errorf("%+v", s.BlockIO)
	}
}

func TestWhatTheHostDoesNotCountIsZero(t *testing.T) {
	if s := V1(func(string) string { return "" }); s.CPU.Usage.Total != 0 || len(s.Memory.Raw) != 0 {
		t.Errorf("%+v", s)
	}
}

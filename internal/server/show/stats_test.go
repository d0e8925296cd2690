package show

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"berth/internal/container/usage"
	"berth/internal/linux/cgroup/stat"
	"berth/internal/linux/proc"
)

// docker parses what Debian's dockerd answered, on control groups of version 1.
func docker(t *testing.T, text string) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	out["os_type"] = "linux" // later than that one
	return out
}

func shown(t *testing.T, s usage.Stats) map[string]any {
	t.Helper()
	b, err := json.Marshal(Stats(s))
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// keys lists what an answer has, in whatever depth.
func keys(prefix string, v any) []string {
	var out []string
	object, ok := v.(map[string]any)
	if !ok {
		return []string{prefix}
	}
	for k, v := range object {
		out = append(out, keys(prefix+"."+k, v)...)
	}
	return out
}

func same(t *testing.T, got, want map[string]any) {
	t.Helper()
	have := map[string]int{}
	for _, k := range keys("", got) {
		have[k]++
	}
	for _, k := range keys("", want) {
		have[k]--
	}
	for k, n := range have {
		if n != 0 {
			t.Errorf("%s is there %d times more than in Docker", k, n)
		}
	}
}

const ofRunning = `{"read":"2026-11-28T09:31:55.291688087Z","preread":"2026-11-28T09:31:54.288061087Z","pids_stats":{"current":1},"blkio_stats":{"io_service_bytes_recursive":[],"io_serviced_recursive":[],"io_queue_recursive":[],"io_service_time_recursive":[],"io_wait_time_recursive":[],"io_merged_recursive":[],"io_time_recursive":[],"sectors_recursive":[]},"num_procs":0,"storage_stats":{},"cpu_stats":{"cpu_usage":{"total_usage":28372139,"percpu_usage":[17102428,11269711],"usage_in_kernelmode":0,"usage_in_usermode":10000000},"system_cpu_usage":72329930000000,"online_cpus":2,"throttling_data":{"periods":0,"throttled_periods":0,"throttled_time":0}},"precpu_stats":{"cpu_usage":{"total_usage":28372139,"percpu_usage":[17102428,11269711],"usage_in_kernelmode":0,"usage_in_usermode":10000000},"system_cpu_usage":72327960000000,"online_cpus":2,"throttling_data":{"periods":0,"throttled_periods":0,"throttled_time":0}},"memory_stats":{"usage":323584,"max_usage":4345856,"stats":{"active_anon":4096,"active_file":0,"cache":0,"dirty":0,"hierarchical_memory_limit":67108864,"hierarchical_memsw_limit":134217728,"inactive_anon":49152,"inactive_file":0,"mapped_file":0,"pgfault":1150,"pgmajfault":0,"pgpgin":837,"pgpgout":824,"rss":53248,"rss_huge":0,"total_active_anon":4096,"total_active_file":0,"total_cache":0,"total_dirty":0,"total_inactive_anon":49152,"total_inactive_file":0,"total_mapped_file":0,"total_pgfault":1150,"total_pgmajfault":0,"total_pgpgin":837,"total_pgpgout":824,"total_rss":53248,"total_rss_huge":0,"total_unevictable":0,"total_writeback":0,"unevictable":0,"writeback":0},"limit":67108864},"name":"/s1","id":"bcad71500dfd651e364669fc9bc751711c44a5faa9ed6c3b7da4f8b5b9423f80","networks":{"eth0":{"rx_bytes":682,"rx_packets":7,"rx_errors":0,"rx_dropped":0,"tx_bytes":0,"tx_packets":0,"tx_errors":0,"tx_dropped":0}}}`

const ofStopped = `{"read":"0001-01-01T00:00:00Z","preread":"0001-01-01T00:00:00Z","pids_stats":{},"blkio_stats":{"io_service_bytes_recursive":null,"io_serviced_recursive":null,"io_queue_recursive":null,"io_service_time_recursive":null,"io_wait_time_recursive":null,"io_merged_recursive":null,"io_time_recursive":null,"sectors_recursive":null},"num_procs":0,"storage_stats":{},"cpu_stats":{"cpu_usage":{"total_usage":0,"usage_in_kernelmode":0,"usage_in_usermode":0},"throttling_data":{"periods":0,"throttled_periods":0,"throttled_time":0}},"precpu_stats":{"cpu_usage":{"total_usage":0,"usage_in_kernelmode":0,"usage_in_usermode":0},"throttling_data":{"periods":0,"throttled_periods":0,"throttled_time":0}},"memory_stats":{},"name":"/ex","id":"5b0ec83aa318d55602544574ece890da62c9d32d031a138601ca373679cc8fdf"}`

func sample() usage.Sample {
	return usage.Sample{
		Time:   time.Unix(1_700_000_000, 0).UTC(),
		Memory: 1 << 30,
		Group: stat.Stats{
			CPU:    stat.CPU{Total: 7, PerCPU: []uint64{3, 4}},
			Memory: stat.Memory{Usage: stat.Counter{Usage: 1, Peak: 2, Limit: 1 << 62}, Stat: map[string]uint64{"cache": 5, "total_cache": 6, "shmem": 7, "anon": 8}, OOMEvents: 9},
			Pids:   stat.Pids{Current: 1},
			Block:  stat.Block{Bytes: []stat.Device{{Major: 8, Op: "Read", Value: 1}, {Major: 8, Op: "Write", Value: 2}, {Major: 8, Op: "Discard", Value: 3}}},
		},
		Machine:  proc.CPUs{Total: 100, Online: 2},
		Networks: map[string]usage.Link{"eth0": {Received: proc.Traffic{Bytes: 11}, Sent: proc.Traffic{Bytes: 12}}},
	}
}

func TestWhatARunningContainerUsesHasDockersShape(t *testing.T) {
	s := sample()
	same(t, shown(t, usage.Stats{ID: "c", Name: "n", Pair: usage.Pair{Before: s, Now: s}}), docker(t, ofRunning))
}

func TestWhatAStoppedContainerUsesHasDockersShape(t *testing.T) {
	got := shown(t, usage.Stats{ID: "5b0ec83aa318d55602544574ece890da62c9d32d031a138601ca373679cc8fdf", Name: "ex"})
	want := docker(t, ofStopped)
	same(t, got, want)
	a, _ := json.Marshal(got)
	b, _ := json.Marshal(want)
	if string(a) != string(b) {
		t.Errorf("%s\nDocker: %s", a, b)
	}
}

func TestWithoutALimitTheMachinesMemoryIsIt(t *testing.T) {
	if limit := Stats(usage.Stats{Pair: usage.Pair{Now: sample()}}).MemoryStats.Limit; limit != 1<<30 {
		t.Errorf("%d", limit)
	}
}

func TestOnVersion2TheBytesOfDevicesAreToldInSmallLettersAndNothingThatItHasNot(t *testing.T) {
	s := sample()
	s.Unified = true
	b, _ := json.Marshal(Stats(usage.Stats{Pair: usage.Pair{Now: s}}))
	for _, want := range []string{
		`"io_service_bytes_recursive":[{"major":8,"minor":0,"op":"read","value":1},{"major":8,"minor":0,"op":"write","value":2}],"io_serviced_recursive":null,`,
		`"anon":8,`, `"failcnt":9`, `"workingset_refault":0`,
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%s\nhas no %s", b, want)
		}
	}
	for _, no := range []string{"max_usage", "total_cache", "hierarchical"} {
		if strings.Contains(string(b), no) {
			t.Errorf("%s\nhas %s", b, no)
		}
	}
}

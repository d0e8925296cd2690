//go:build linux

package stats

import (
	"encoding/json"
	"testing"

	"berth/internal/linux/cgroup/stat"
)

func TestEventsHaveTheFormOfRunc(t *testing.T) {
	for _, c := range []struct {
		s    stat.Stats
		want string
	}{
		{stat.Stats{}, `{"cpu":{"usage":{"kernel":0,"user":0},"throttling":{}},"memory":{"usage":{"limit":0,"failcnt":0},"swap":{"limit":0,"failcnt":0},"kernel":{"limit":0,"failcnt":0},"kernelTCP":{"limit":0,"failcnt":0}},"pids":{},"blkio":{},"hugetlb":{}}`},
		{
			stat.Stats{
				CPU: stat.CPU{
					Total: 9, User: 5, Kernel: 4, PerCPU: []uint64{9, 0}, PerUser: []uint64{5, 0}, PerKernel: []uint64{4, 0}, Periods: 3, Throttled: 2, WaitTime: 1,
					Pressure: stat.Pressure{Counted: true, Some: stat.Stall{Avg10: 1.5, Total: 7}},
				},
				Memory: stat.Memory{Usage: stat.Counter{Usage: 1, Peak: 2, Limit: 3, Fails: 4}, Stat: map[string]uint64{"file": 6}},
				Pids:   stat.Pids{Current: 1, Limit: 20},
				Block:  stat.Block{Bytes: []stat.Device{{Major: 8, Minor: 16, Op: "Read", Value: 4096}}, Ops: []stat.Device{{Major: 8, Op: "Write", Value: 1}}},
				Huge:   map[string]stat.Huge{"2MB": {Counter: stat.Counter{Usage: 1, Limit: 2}, Reserved: stat.Counter{Usage: 3, Limit: 4, Fails: 5}}, "1GB": {Counter: stat.Counter{Usage: 6}}},
			},
			`{"cpu":{"usage":{"total":9,"percpu":[9,0],"percpu_kernel":[4,0],"percpu_user":[5,0],"kernel":4,"user":5},"throttling":{"periods":3,"throttledPeriods":2,"throttledTime":1},` +
				`"psi":{"some":{"avg10":1.5,"avg60":0,"avg300":0,"total":7},"full":{"avg10":0,"avg60":0,"avg300":0,"total":0}}},` +
				`"memory":{"cache":6,"usage":{"limit":3,"usage":1,"max":2,"failcnt":4},"swap":{"limit":0,"failcnt":0},"kernel":{"limit":0,"failcnt":0},"kernelTCP":{"limit":0,"failcnt":0},"raw":{"file":6}},` +
				`"pids":{"current":1,"limit":20},"blkio":{"ioServiceBytesRecursive":[{"major":8,"minor":16,"op":"Read","value":4096}],"ioServicedRecursive":[{"major":8,"op":"Write","value":1}]},` +
				`"hugetlb":{"1GB":{"usage":6,"failcnt":0},"2MB":{"usage":3,"failcnt":5}}}`,
		},
	} {
		got, err := json.Marshal(Shape(c.s))
		if err != nil || string(got) != c.want {
			t.Errorf("%s, %v\nwant %s", got, err, c.want)
		}
	}
}

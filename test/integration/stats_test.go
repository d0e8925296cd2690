//go:build linux

package integration

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"berth/test/harness"
)

// shape is what keys a JSON answer has, in whatever depth, sorted. A list counts as
// its first element; what begins with a word of without is left out.
func shape(t *testing.T, body string, without ...string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	keys := slices.DeleteFunc(keysOf("", v), func(k string) bool {
		return slices.ContainsFunc(without, func(word string) bool { return strings.HasPrefix(k, word) })
	})
	slices.Sort(keys)
	return strings.Join(keys, "\n")
}

func keysOf(prefix string, v any) []string {
	switch v := v.(type) {
	case map[string]any:
		var out []string
		for k, v := range v {
			out = append(out, keysOf(prefix+"."+k, v)...)
		}
		return out
	case []any:
		if len(v) > 0 {
			return keysOf(prefix+"[]", v[0])
		}
		return []string{prefix + "[]"}
	case nil:
		return []string{prefix + " null"}
	}
	return []string{prefix}
}

func TestStatsAnswerAsDockersDo(t *testing.T) {
	t.Parallel()
	docker := harness.StartDockerd(t)
	d := harness.Start(t)
	busybox := d.Busybox()
	for _, c := range []harness.Client{docker.Client(t), d.Client(t, "docker")} {
		c.Must("run", "-d", "--name", "up", "-m", "64m", busybox, "sleep", "1000")
		c.Must("run", "-d", "--name", "host", "--network", "host", busybox, "sleep", "1000")
		c.Must("run", "-d", "--name", "none", "--network", "none", busybox, "sleep", "1000")
		c.Must("run", "-d", "--name", "shared", "--network", "container:up", busybox, "sleep", "1000")
		c.Must("run", "--name", "ended", busybox, "true")
		c.Must("create", "--name", "new", busybox, "true")
	}
	for _, path := range []string{
		"up/stats?stream=false", "up/stats?stream=0&one-shot=1", "host/stats?stream=false&one-shot=1", "none/stats?stream=false&one-shot=1",
		"shared/stats?stream=false&one-shot=1", "ended/stats?stream=false", "new/stats?stream=false&one-shot=1",
		"nobody/stats?stream=false", "up/stats?one-shot=1", "nobody/stats?one-shot=1",
	} {
		a, b := docker.Ask(t, "GET", "/v1.41/containers/"+path, ""), d.Ask(t, "GET", "/v1.41/containers/"+path, "")
		if a.Status != b.Status {
			t.Errorf("%s: Docker answers %d, berth %d", path, a.Status, b.Status)
		}
		// What is read from the disk depends on who came first.
		read := ".blkio_stats.io_service"
		if theirs, ours := shape(t, a.Body, read), shape(t, b.Body, read, ".os_type"); theirs != ours {
			t.Errorf("%s: Docker's shape is\n%s\nand ours\n%s", path, theirs, ours)
		}
		if a.Status != 200 && a.Body != b.Body {
			t.Errorf("%s: Docker says %s, berth %s", path, a.Body, b.Body)
		}
	}
}

// stats is what a test reads of them.
type stats struct {
	Name, ID string
	Read     string
	CPUStats struct {
		CPUUsage struct {
			Total uint64 `json:"total_usage"`
		} `json:"cpu_usage"`
		System uint64 `json:"system_cpu_usage"`
	} `json:"cpu_stats"`
	Before struct {
		System uint64 `json:"system_cpu_usage"`
	} `json:"precpu_stats"`
	Memory struct {
		Usage, Limit uint64
	} `json:"memory_stats"`
	Pids     struct{ Current, Limit uint64 } `json:"pids_stats"`
	Networks map[string]struct {
		Received uint64 `json:"rx_bytes"`
		Sent     uint64 `json:"tx_bytes"`
	}
}

func TestStatsCountWhatTheContainerUses(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		name := "busy-" + c.Name
		id := c.Must("run", "-d", "--name", name, "-m", "64m", "--pids-limit", "33", busybox, "sh", "-c",
			fmt.Sprintf("ping -q -c 5 -s 1000 -i 0.01 %s; i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; echo done; sleep 1000", d.Gateway()))
		harness.Eventually(t, "the container has worked", func() error {
			if out := c.Must("logs", name); !strings.Contains(out, "done") {
				return fmt.Errorf("it says %q", out)
			}
			return nil
		})
		var s stats
		if err := json.Unmarshal([]byte(d.Ask(t, "GET", "/containers/"+name+"/stats?stream=false", "").Body), &s); err != nil {
			t.Fatal(err)
		}
		if s.Name != "/"+name || s.ID != id || s.Memory.Limit != 64<<20 || s.Memory.Usage == 0 || s.Pids.Current != 1 || s.Pids.Limit != 33 {
			t.Errorf("%+v", s)
		}
		if s.CPUStats.CPUUsage.Total == 0 || s.Before.System == 0 || s.CPUStats.System <= s.Before.System {
			t.Errorf("the processors' time: %+v", s)
		}
		if n := s.Networks["eth0"]; len(s.Networks) != 1 || n.Sent < 5000 || n.Received < 5000 {
			t.Errorf("the network: %+v", s.Networks)
		}
		if line := c.Must("stats", "--no-stream", "--format", "{{.Name}} {{.PIDs}} {{.MemUsage}}", name); !strings.HasPrefix(line, name+" 1 ") || !strings.HasSuffix(line, "/ 64MiB") {
			t.Errorf("the client shows %q", line)
		}
	})
}

func TestAStreamOfStatsEndsWithItsContainer(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	c := d.Client(t, "berth")
	c.Must("run", "-d", "--name", "fleeting", busybox, "sleep", "1000")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://berth/containers/fleeting/stats", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := d.HTTP().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	next := func() (s stats) {
		t.Helper()
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	if s := next(); s.Pids.Current != 1 || s.Before.System != 0 {
		t.Errorf("the first has %+v", s)
	}
	if s := next(); s.Pids.Current != 1 || s.Before.System == 0 {
		t.Errorf("the second has %+v", s)
	}
	c.Must("stop", "-t", "0", "fleeting")
	for s := next(); s.Pids.Current != 0; s = next() { // those from before the stop
	}
	if s := next(); s.Name != "/fleeting" || s.Pids.Current != 0 || s.CPUStats.System != 0 {
		t.Errorf("a stopped container has %+v", s)
	}
	c.Must("rm", "fleeting")
	if rest, err := io.ReadAll(lines); err != nil {
		t.Errorf("the stream ends with %v after %q", err, rest)
	}
}

//go:build linux

package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"berth/test/harness"
)

// limitsOf are the limits and the policy that inspect shows.
func limitsOf(t *testing.T, d interface {
	Ask(testing.TB, string, string, string) harness.Answer
}, name string) string {
	t.Helper()
	var c struct {
		HostConfig struct {
			Memory, MemorySwap, MemoryReservation, NanoCpus, CpuPeriod, CpuQuota, CpuShares int64
			CpusetCpus                                                                      string
			PidsLimit                                                                       *int64
			RestartPolicy                                                                   struct {
				Name              string
				MaximumRetryCount int
			}
		}
	}
	if err := json.Unmarshal([]byte(d.Ask(t, "GET", "/v1.41/containers/"+name+"/json", "").Body), &c); err != nil {
		t.Fatal(err)
	}
	h := c.HostConfig
	pids := int64(0)
	if h.PidsLimit != nil {
		pids = *h.PidsLimit
	}
	h.PidsLimit = nil
	return fmt.Sprintf("%+v pids %d", h, pids)
}

// heldBy are the limits that the kernel holds a container to, below a control group.
func heldBy(t *testing.T, d harness.Place, id string) string {
	t.Helper()
	text := ""
	for _, f := range [][2]string{{"memory", "memory.limit_in_bytes"}, {"memory", "memory.memsw.limit_in_bytes"}, {"memory", "memory.soft_limit_in_bytes"}, {"cpu", "cpu.shares"}, {"cpu", "cpu.cfs_quota_us"},
		{"cpu", "cpu.cfs_period_us"}, {"cpuset", "cpuset.cpus"}, {"pids", "pids.max"}, {"", "memory.max"}, {"", "memory.swap.max"}, {"", "cpu.max"}, {"", "cpu.weight"}, {"", "pids.max"}} {
		b, err := os.ReadFile(filepath.Join("/sys/fs/cgroup", f[0], d.CgroupParent(), id, f[1]))
		if err == nil {
			text += f[1] + " = " + strings.TrimSpace(string(b)) + "\n"
		}
	}
	if text == "" {
		t.Fatalf("no limits of %s can be read", id)
	}
	return text
}

func TestUpdateAnswersAsDockersDoes(t *testing.T) {
	t.Parallel()
	docker := harness.StartDockerd(t)
	d := harness.Start(t)
	busybox := d.Busybox()
	ids := map[string]string{}
	for i, c := range []harness.Client{docker.Client(t), d.Client(t, "docker")} {
		ids[fmt.Sprint("up", i)] = c.Must("run", "-d", "--name", "up", busybox, "sleep", "1000")
		ids[fmt.Sprint("brief", i)] = c.Must("run", "-d", "--rm", "--name", "brief", busybox, "sleep", "1000")
		ids[fmt.Sprint("new", i)] = c.Must("create", "--name", "new", "-m", "64m", "--cpus", "0.5", busybox, "sleep", "1000")
		ids[fmt.Sprint("periodic", i)] = c.Must("run", "-d", "--name", "periodic", "-m", "64m", "--cpu-period", "50000", "--cpu-quota", "25000", busybox, "sleep", "1000")
	}
	const unlimited = `{"MemorySwap":-1}` // which Docker writes down, and does not do
	for _, ask := range [][2]string{
		{"up", `{"Memory":67108864}`}, {"up", `{"Memory":67108864,"MemorySwap":134217728}`}, {"up", `{"Memory":33554432}`}, {"up", `{"Memory":268435456}`},
		{"up", `{"Memory":268435456,"MemorySwap":368435456}`}, {"up", `{"Memory":67108864,"MemorySwap":134217728}`},
		{"up", unlimited}, {"up", `{"Memory":67108864,"MemorySwap":134217728}`}, {"up", `{"Memory":4096}`}, {"up", `{"Memory":-5}`}, {"up", `{"MemoryReservation":16777216}`},
		{"up", `{"NanoCpus":500000000}`}, {"up", `{"CpuPeriod":50000}`}, {"up", `{"CpuQuota":50000}`}, {"up", `{"NanoCpus":99000000000}`}, {"up", `{"NanoCpus":-1}`},
		{"up", `{"CpuShares":512}`}, {"up", `{"CpusetCpus":"0"}`}, {"up", `{"PidsLimit":20}`}, {"up", `{"PidsLimit":-1}`}, {"up", `{"PidsLimit":7}`}, {"up", `{"PidsLimit":0}`},
		{"up", `{"RestartPolicy":{"Name":"always"}}`}, {"up", `{"RestartPolicy":{"Name":"on-failure","MaximumRetryCount":3}}`}, {"up", `{"RestartPolicy":{"Name":"no"}}`},
		{"brief", `{"RestartPolicy":{"Name":"always"}}`}, {"brief", `{"RestartPolicy":{"Name":"no"}}`},
		{"new", `{"NanoCpus":700000000}`}, {"new", `{"CpuPeriod":50000}`}, {"new", `{"Memory":33554432}`}, {"new", `{"Memory":333554432}`},
		{"periodic", `{"NanoCpus":500000000}`}, {"periodic", `{"CpuQuota":-1}`}, {"periodic", `{"CpuQuota":10000}`}, {"periodic", `{"CpuPeriod":1}`}, {"periodic", `{"CpuQuota":10}`}, {"periodic", `{"MemorySwap":134217728}`},
		{"nobody", `{"Memory":33554432}`}, {"nobody", `{"Memory":3}`}, {"up", `{}`}, {"up", `null`}, {"up", `{"KernelMemory":16777216}`},
	} {
		name, body := ask[0], ask[1]
		path := "/v1.41/containers/" + name + "/update"
		a, b := docker.Ask(t, "POST", path, body), d.Ask(t, "POST", path, body)
		theirs, ours := strings.ReplaceAll(a.Body, ids[name+"0"], "ID"), strings.ReplaceAll(b.Body, ids[name+"1"], "ID")
		if a.Status != b.Status || theirs != ours {
			t.Errorf("%s %s: Docker answers %d %s\nberth %d %s", name, body, a.Status, theirs, b.Status, ours)
		}
		if name == "nobody" {
			continue
		}
		if theirs, ours := limitsOf(t, docker, name), limitsOf(t, d, name); theirs != ours {
			t.Errorf("%s after %s: Docker has\n%s\nberth\n%s", name, body, theirs, ours)
		}
		if name != "new" && body != unlimited {
			if theirs, ours := heldBy(t, docker.Place, ids[name+"0"]), heldBy(t, d.Place, ids[name+"1"]); theirs != ours {
				t.Errorf("%s after %s: Docker's is held to\n%sours to\n%s", name, body, theirs, ours)
			}
		}
	}
	for _, bogus := range []string{`{"RestartPolicy":{"Name":"bogus"}}`, `{"RestartPolicy":{"Name":"always","MaximumRetryCount":3}}`, `{"RestartPolicy":{"Name":"on-failure","MaximumRetryCount":-3}}`} {
		a, b := docker.Ask(t, "POST", "/v1.41/containers/up/update", bogus), d.Ask(t, "POST", "/v1.41/containers/up/update", bogus)
		if a.Status != b.Status { // later Dockers have other words
			t.Errorf("%s: Docker answers %d %s, berth %d %s", bogus, a.Status, a.Body, b.Status, b.Body)
		}
	}
}

func TestAFailedUpdateLeavesTheLimitsAndOneThatIsAnsweredOutlivesTheDaemon(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	c := d.Client(t, "berth")
	id := c.Must("run", "-d", "--name", "full", "-m", "64m", "--memory-swap", "64m", "--pids-limit", "50", "--shm-size", "60m", busybox, "sh", "-c", "dd if=/dev/zero of=/dev/shm/x bs=1M count=40; echo full; sleep 1000")
	harness.Eventually(t, "it has filled its memory", func() error {
		if out := c.Must("logs", "full"); !strings.Contains(out, "full") {
			return fmt.Errorf("it says %q", out)
		}
		return nil
	})
	was, held := limitsOf(t, d, "full"), heldBy(t, d.Place, id)
	for body, want := range map[string]string{
		`{"Memory":8388608,"MemorySwap":8388608,"PidsLimit":9}`:  "limit",
		`{"PidsLimit":9,"MemorySwap":9000000}`:                   "Minimum memoryswap limit should be larger than memory limit, see usage",
		`{"PidsLimit":9,"CpuShares":300000}`:                     "the maximum allowed cpu-shares is 262144",
		`{"PidsLimit":9,"Devices":[{"PathOnHost":"/dev/null"}]}`: "Devices",
		`[]`: "JSON",
	} {
		a := d.Ask(t, "POST", "/containers/full/update", body)
		if a.Status < 400 || a.Status == 500 || !strings.Contains(a.Body, want) {
			t.Errorf("%s is answered %d %s", body, a.Status, a.Body)
		}
		if now := limitsOf(t, d, "full"); now != was {
			t.Errorf("%s leaves\n%s\nbefore:\n%s", body, now, was)
		}
		if now := heldBy(t, d.Place, id); now != held {
			t.Errorf("%s leaves the kernel at\n%sbefore:\n%s", body, now, held)
		}
	}
	c.Prints("full", "update", "--memory", "60m", "--cpus", "0.7", "--pids-limit", "9", "--restart", "unless-stopped", "full")
	was, held = limitsOf(t, d, "full"), heldBy(t, d.Place, id)
	d.Kill9()
	d.StartAgain()
	if now := limitsOf(t, d, "full"); now != was || !strings.Contains(now, "NanoCpus:700000000") || !strings.Contains(now, "unless-stopped") || !strings.Contains(now, "pids 9") {
		t.Errorf("after the daemon's death:\n%s\nbefore:\n%s", now, was)
	}
	if now := heldBy(t, d.Place, id); now != held {
		t.Errorf("after the daemon's death the kernel is at\n%sbefore:\n%s", now, held)
	}
	c.Must("update", "--restart", "no", "full")
	c.Must("stop", "-t", "0", "full")
	c.Must("start", "full")
	if now := heldBy(t, d.Place, id); now != held {
		t.Errorf("the next run is held to\n%sthe one before to:\n%s", now, held)
	}
}

func TestAnUpdateLimitsSingleBlockDevicesAndClearsThem(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	id := d.Client(t, "berth").Must("run", "-d", "--name", "disks", d.Busybox(), "sleep", "1000")
	held := func() string {
		for _, file := range []string{"blkio/" + d.CgroupParent() + "/" + id + "/blkio.throttle.read_bps_device", d.CgroupParent() + "/" + id + "/io.max"} {
			if b, err := os.ReadFile("/sys/fs/cgroup/" + file); err == nil {
				return strings.TrimSpace(string(b))
			}
		}
		t.Fatal("no limits of the container can be read")
		return ""
	}
	if _, err := os.Stat("/dev/loop0"); err != nil {
		t.Skip("needs a block device: /dev/loop0")
	}
	for _, step := range []struct{ body, want string }{
		{`{"BlkioDeviceReadBps":[{"Path":"/dev/loop0","Rate":1048576}]}`, "7:0"},
		{`{"CpuShares":512}`, "7:0"},
		{`{"BlkioDeviceReadBps":[{"Path":"/dev/null","Rate":1}]}`, "7:0"},
		{`{"BlkioDeviceReadBps":[]}`, ""},
	} {
		a := d.Ask(t, "POST", "/containers/disks/update", step.body)
		if refused := strings.Contains(step.body, "null"); (a.Status == 200) == refused {
			t.Errorf("%s is answered %d %s", step.body, a.Status, a.Body)
		}
		if now := held(); step.want == "" && now != "" || !strings.Contains(now, step.want) {
			t.Errorf("after %s it is held to %q", step.body, now)
		}
	}
}

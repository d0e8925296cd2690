//go:build linux

package oci

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/linux/cgroup/systemd"
)

// limited is a container with a bit of everything.
func limited(t *testing.T) *bundle {
	b := newBundle(t, "exec sleep 1000")
	b.spec.Version = "1.0.2" // what older runtimes know
	limit, swap, soft, swappiness, off := int64(64<<20), int64(128<<20), int64(32<<20), uint64(20), false
	shares, quota, period, pids := uint64(512), int64(50000), uint64(100000), int64(100)
	r := b.spec.Linux.Resources
	r.Memory = &specs.LinuxMemory{Limit: &limit, Swap: &swap, Reservation: &soft, DisableOOMKiller: &off}
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err != nil {
		r.Memory.Swappiness = &swappiness
	}
	r.CPU = &specs.LinuxCPU{Shares: &shares, Quota: &quota, Period: &period, Cpus: "0", Mems: "0"}
	r.Pids = &specs.LinuxPids{Limit: &pids}
	return b
}

// updates are made one after the other, with the flags that runc has.
func updates() [][]string {
	return [][]string{
		{"--memory", "32M", "--memory-swap", "64M"},
		{"--memory", "256M", "--memory-swap", "512M"},
		{"--memory", "128M"},
		{"--memory-swap", "96M"}, // below the limit
		{"--memory", "1G"},       // above the sum
		{"--memory", "-1"},
		{"--memory-reservation", "16M"},
		{"--cpu-quota", "20000", "--cpu-period", "50000"},
		{"--cpu-quota", "3000", "--cpu-period", "4000"},
		{"--cpu-quota", "400000", "--cpu-period", "200000"},
		{"--cpu-quota", "-1"},
		{"--cpu-share", "2"},
		{"--cpu-share", "1"},
		{"--cpu-share", "1000"},
		{"--cpuset-cpus", "0", "--cpuset-mems", "0"},
		{"--cpuset-cpus", "1000"},
		{"--pids-limit", "7"},
		{"--pids-limit", "-1"},
		{"--blkio-weight", "300"},
		{"--cpu-rt-runtime", "1000"},
	}
}

// limits are the limits of the bundle's container, as the host sees them.
func (b *bundle) limits() map[string]string {
	b.t.Helper()
	out, group := map[string]string{}, b.spec.Linux.CgroupsPath
	if u, err := systemd.Parse(group, "a"); err == nil {
		group = u.Group()
	}
	for _, dir := range []string{"/sys/fs/cgroup" + group, "/sys/fs/cgroup/*" + group} {
		for _, pattern := range []string{"*limit_in_bytes", "*.swappiness", "*.oom_control", "*.max", "*.low", "cpu.*_us", "cpu.shares", "cpu.idle", "cpuset.cpus", "cpuset.mems", "*weight", "blkio.throttle.*_device"} {
			files, err := filepath.Glob(dir + "/" + pattern)
			b.must(err)
			for _, f := range files {
				text, err := os.ReadFile(f)
				b.must(err)
				out[strings.Replace(f, group, "", 1)] = strings.TrimSpace(string(text))
			}
		}
	}
	return out
}

// course is what became of each update: whether it was refused, and the limits after it.
type course struct {
	refused []bool
	after   []map[string]string
}

func (b *bundle) course(updates [][]string) course {
	b.t.Helper()
	b.save().ok("run", "-d", "-b", b.dir, "a")
	c := course{[]bool{false}, []map[string]string{b.limits()}}
	for _, flags := range updates {
		_, code := b.do(append(append([]string{"update"}, flags...), "a")...)
		c.refused, c.after = append(c.refused, code != 0), append(c.after, b.limits())
	}
	b.ok("delete", "-f", "a")
	return c
}

// intended are differences on version 2 from Debian's runc and crun.
func intended(what string) bool {
	_, err := os.Stat("/sys/fs/cgroup/cgroup.controllers")
	return err == nil && slices.Contains([]string{
		"/sys/fs/cgroup/cpu.weight", // theirs is a line, which makes 39 of the default; newer ones have our curve
		"[--cpu-share 1]",           // for the same reason: below 0
		"[--cpu-rt-runtime 1000]",   // runc drops it in silence
	}, what)
}

// isAs says where the course is not another's.
func (c course) isAs(t *testing.T, theirs course, updates [][]string) {
	t.Helper()
	for i, flags := range append([][]string{{"run"}}, updates...) {
		got, want := c.after[i], theirs.after[i]
		if c.refused[i] != theirs.refused[i] && !intended(fmt.Sprint(flags)) {
			t.Errorf("%v: refused is %v, and theirs %v", flags, c.refused[i], theirs.refused[i])
		}
		for _, file := range slices.Sorted(maps.Keys(want)) {
			if got[file] != want[file] && !intended(file) {
				t.Errorf("after %v: %s is %q, and theirs %q", flags, file, got[file], want[file])
			}
		}
		if len(got) != len(want) || len(got) == 0 {
			t.Errorf("after %v: %d files, and theirs %d", flags, len(got), len(want))
		}
	}
}

func TestLimitsAreThoseThatOtherRuntimesSet(t *testing.T) {
	ours := limited(t).course(updates())
	for name, updates := range map[string][][]string{"runc": updates(), "crun": nil /* crun 1.8 knows neither "32M" nor -1 */} {
		t.Run(name, func(t *testing.T) {
			path, err := exec.LookPath(name)
			_, hybrid := os.Stat("/sys/fs/cgroup/unified")
			if err != nil || name == "crun" && hybrid == nil {
				t.Skip("not here: ", err)
			}
			peer := limited(t)
			peer.binary = path
			ours.isAs(t, peer.course(updates), updates)
		})
	}
}

func TestALimitThatTheHostCannotSetIsRefused(t *testing.T) {
	b := newBundle(t, "exit 0")
	class := uint32(5)
	b.spec.Linux.Resources.Network = &specs.LinuxNetwork{ClassID: &class}
	if _, err := os.Stat("/sys/fs/cgroup/net_cls"); err == nil {
		t.Skip("the host has net_cls")
	}
	b.save().refused("net", "run", "-b", b.dir, "a")
	b.spec.Linux.Resources.Network = nil
	b.spec.Linux.Resources.HugepageLimits = []specs.LinuxHugepageLimit{{Pagesize: "2MB/../../../x", Limit: 1}}
	b.save().refused("is not a size of huge pages", "run", "-b", b.dir, "a")
	b.spec.Linux.Resources.HugepageLimits = nil
	b.spec.Linux.Resources.Unified = map[string]string{"nonsense.max": "1"}
	text := "need cgroup version 2"
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		text = "no nonsense controller"
	}
	b.save().refused(text, "run", "-b", b.dir, "a")
}

func TestALimitThatLinuxHasNoMoreIsAWarning(t *testing.T) {
	b := newBundle(t, "exit 0")
	limit, log := int64(64<<20), b.path("log")
	//lint:ignore SA1019 old callers still ask for it
	b.spec.Linux.Resources.Memory = &specs.LinuxMemory{Kernel: &limit}
	b.save().ok("--log", log, "run", "-b", b.dir, "a")
	if text, err := os.ReadFile(log); err != nil || !strings.Contains(string(text), "memory.kernel is ignored") {
		t.Errorf("%s %v", text, err)
	}
}

// As with runc, that is version 1's named ones and a hybrid host's version 2 tree too.
func TestAContainerIsInEveryHierarchy(t *testing.T) {
	b := newBundle(t, "cat /proc/self/cgroup")
	b.spec.Linux.Namespaces = slices.DeleteFunc(b.spec.Linux.Namespaces, func(ns specs.LinuxNamespace) bool { return ns.Type == specs.CgroupNamespace })
	b.save()
	inside, _ := b.do("run", "-b", b.dir, "a")
	host, err := os.ReadFile("/proc/self/cgroup")
	b.must(err)
	for line := range strings.Lines(string(host)) {
		n, rest, _ := strings.Cut(line, ":")
		what, _, _ := strings.Cut(rest, ":")
		if want := n + ":" + what + ":" + b.spec.Linux.CgroupsPath + "\n"; !strings.Contains(inside, want) {
			if mounts, err := os.ReadFile("/proc/mounts"); err == nil && what == "" && !strings.Contains(string(mounts), "cgroup2") {
				continue
			}
			t.Errorf("no %q in\n%s", want, inside)
		}
	}
}

//go:build linux

package yardstick

import (
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/launch"
	"berth/internal/runtime"
	"berth/test/yardstick/bundle"
)

// TestABundleIsTheSameAtOnceAndFromASandbox runs the table of bundles in the engine's
// two ways. What cannot be made of a sandbox is said by runtime.Warmable, for a
// reason that is in the list, and the engine then starts it at once.
func TestABundleIsTheSameAtOnceAndFromASandbox(t *testing.T) {
	needRoot(t)
	t.Cleanup(func() { removeGroup(group()); checkGroupIsEmpty(t) })
	count, used := &tally{n: map[string]int{}}, &tally{n: map[string]int{}}
	t.Run("table", func(t *testing.T) {
		for _, c := range bundle.Table() {
			t.Run(c.Name, func(t *testing.T) {
				t.Parallel()
				way, why := bothWays(t, c)
				count.add(way)
				if why == "" {
					return
				}
				reason := ""
				for pattern, text := range coldOnly() {
					if match(pattern, c.Name) && strings.Contains(why, text) {
						reason = pattern
						used.add(pattern)
					}
				}
				if reason == "" {
					t.Errorf("it cannot be made of a sandbox (%s): is that intended?", why)
				}
			})
		}
	})
	ran := 0
	for _, n := range count.n {
		ran += n
	}
	for pattern := range coldOnly() {
		if used.n[pattern] == 0 && ran == len(bundle.Table()) {
			t.Errorf("%q is in the list of what only starts cold, and does not", pattern)
		}
	}
	t.Logf("bundles that start from a sandbox like the engine's, from one of their own, at once, not at all: %v", count.n)
}

// coldOnly is what no sandbox becomes, and the reason that is given.
func coldOnly() map[string]string {
	return map[string]string{
		"hook*":                  "hooks",
		"user-namespace*":        "a user namespace",
		"without-mount":          "the mount namespace of others",
		"masked-own":             "masks of the image's own files",
		"readonly-paths-own":     "read-only paths of the image's own",
		"no-dev-mount":           "no /dev of its own",
		"overlay":                fits, // a file system that reads the host's directories
		"propagation-shared":     fits, // a sandbox's mounts are nobody's peers
		"propagation-unbindable": fits,
		"refused-*":              "", // the words are those of the cold start
	}
}

const fits = "it does not fit"

// notHere are cases that the engine refuses in both ways and the OCI command does not.
func notHere() []string {
	return []string{
		"tmpfs-copyup", "tmpfs-copyup-mode", "bind-through-link-out", // what the command does before
		"sysctl-not-a-namespaces", "sysctl-of-the-hosts-net", "seccomp-bad-action",
	}
}

// bothWays starts a case at once and from a sandbox, and compares. It says which sandbox
// that was, and why there was none.
func bothWays(t *testing.T, c bundle.Case) (way, why string) {
	t.Helper()
	one, err := begin(t, c, "cold")
	if one == nil {
		return "no start", ""
	}
	parked, way, why := sandboxFor(one.spec)
	if parked == nil {
		return way, why
	}
	other, err2 := begin(t, c, "warm")
	if err != nil || err2 != nil {
		return "no start", ""
	}
	child, err := one.cold()
	cold := one.outcome(child, err)
	child, err = other.warm(parked)
	if _, ok := err.(stillborn); ok {
		reap(t, child)
		return "at once", "nothing to hand over"
	}
	warm := other.outcome(child, err)
	if cold["refused"] != nil && !match("refused-*", c.Name) && !slices.Contains(notHere(), c.Name) {
		t.Errorf("it does not start: %v", cold["refused"])
	}
	if c.Name == "default" && (len(cold["sysctl"]) < 200 || len(cold["init"]) < 15 || len(cold["order of mounts"]) < 12 || len(cold["namespaces"]) != 8) {
		t.Errorf("too little is told: %v", cold)
	}
	inParts(cold, one.spec)
	inParts(warm, one.spec)
	names := maps.Clone(cold)
	maps.Copy(names, warm)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !slices.Equal(cold[name], warm[name]) {
			minus, plus := without(cold[name], warm[name]), without(warm[name], cold[name])
			if len(minus)+len(plus) == 0 { // another order
				minus, plus = cold[name], warm[name]
			}
			t.Errorf("%s, from a sandbox %s:\n- %s\n+ %s", name, way, strings.Join(minus, "\n- "), strings.Join(plus, "\n+ "))
		}
	}
	return way, ""
}

// inParts puts mounts that a sandbox has before those of the user's, and the read-only
// paths between them: the kernel lists mounts in the order in which they were made, or
// cloned from the host's. That each part is in the same order is what can be asked.
func inParts(sections map[string][]string, spec *specs.Spec) {
	part := func(line string) int {
		path, _, _ := strings.Cut(line, " ")
		switch {
		case slices.Contains(spec.Linux.ReadonlyPaths, path):
			return 1
		case spec.Process.Terminal && (path == "/dev/pts" || path == "/dev/console"):
			return 3 // the terminal's, which is made outside
		case path == "/" || engineOwned(path):
			return 0
		}
		return 2
	}
	slices.SortStableFunc(sections["order of mounts"], func(a, b string) int { return part(a) - part(b) })
}

// sandboxFor is the spec of a sandbox that can become the container: the one that
// would wait in an engine whose containers are like the table's, or one of its own.
func sandboxFor(spec *specs.Spec) (parked *specs.Spec, way, why string) {
	usual := bundle.Plain()
	same := spec.Linux.Resources != nil && reflect.DeepEqual(spec.Linux.Resources.Devices, usual.Linux.Resources.Devices)
	if same && runtime.Warmable(usual, spec) {
		return usual, "like the engine's", ""
	}
	own, linux := *spec, *spec.Linux
	own.Process, own.Linux, linux.Devices = &specs.Process{}, &linux, nil
	n := 0
	for n < len(spec.Mounts) && strings.Contains(" proc sysfs tmpfs devpts mqueue cgroup ", " "+spec.Mounts[n].Type+" ") && engineOwned(spec.Mounts[n].Destination) {
		n++
	}
	own.Mounts = spec.Mounts[:n]
	if _, err := runtime.CompilePark(&own, runtime.Inputs{Fds: []string{runtime.FdNetNS, runtime.FdIPCNS, runtime.FdUTSNS}, Staging: "/"}); err != nil {
		return nil, "at once", err.Error()
	}
	if !runtime.Warmable(&own, spec) {
		return nil, "at once", fits
	}
	return &own, "of its own", ""
}

func engineOwned(path string) bool {
	for _, dir := range []string{"/proc", "/sys", "/dev"} {
		if path == dir || strings.HasPrefix(path, dir+"/") {
			return true
		}
	}
	return false
}

func steps() *regexp.Regexp { return regexp.MustCompile(`step \d+ of \d+`) }

func reap(t *testing.T, c launch.Child) int {
	t.Helper()
	var ws syscall.WaitStatus
	for {
		_, err := syscall.Wait4(c.Pid, &ws, 0, nil)
		if err == syscall.EINTR {
			continue
		}
		must(t, err)
		break
	}
	if c.PidFd > 0 {
		unix.Close(c.PidFd)
	}
	if ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return ws.ExitStatus()
}

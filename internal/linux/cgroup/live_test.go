package cgroup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// TestMain can make the test binary a child that enters a group and opens a
// device: "enter <device> <tasks files…>".
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "enter" {
		for _, f := range os.Args[3:] {
			if err := put(f, "0"); err != nil {
				fmt.Println(err)
				os.Exit(3)
			}
		}
		f, err := os.OpenFile(os.Args[2], os.O_RDWR, 0)
		if errors.Is(err, unix.EPERM) {
			os.Exit(1)
		}
		if err != nil {
			fmt.Println(err)
			os.Exit(2)
		}
		f.Close()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// hosts are the hierarchies to test on here: the host's, and a version 2 tree
// when there is one beside it.
func hosts(t *testing.T) map[string]Hierarchy {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	h, err := Detect()
	if err != nil {
		t.Skip(err)
	}
	out := map[string]Hierarchy{fmt.Sprintf("version %d", h.Version()): h}
	if h.Version() == V1 {
		mounts, _ := os.ReadFile("/proc/self/mounts")
		for line := range strings.Lines(string(mounts)) {
			if f := strings.Fields(line); len(f) > 2 && f[2] == "cgroup2" {
				if out["version 2"], err = unifiedAt(f[1]); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	return out
}

func parent() string { return fmt.Sprintf("/berth-test-%d", os.Getpid()) }

// made creates a group and takes it away, with its parent, after the test.
func made(t *testing.T, h Hierarchy, r *specs.LinuxResources) *Group {
	t.Helper()
	g, err := h.Create(parent()+"/"+strings.ReplaceAll(t.Name(), "/", "-"), r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := errors.Join(g.Kill(ctx), g.Remove(ctx), cleanParent(h)); err != nil {
			t.Error(err)
		}
	})
	return g
}

func cleanParent(h Hierarchy) error {
	for _, m := range h.mounts {
		if err := os.Remove(filepath.Join(m.Dir, parent())); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// sleeper starts a process in the group.
func sleeper(t *testing.T, g *Group) int {
	t.Helper()
	cmd := exec.Command("sleep", "1000")
	if dir, err := g.Open(); err != nil {
		t.Fatal(err)
	} else if dir != nil {
		defer dir.Close()
		cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(dir.Fd())}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	for _, p := range g.places {
		if err := put(filepath.Join(p.Dir, "cgroup.procs"), fmt.Sprint(cmd.Process.Pid)); err != nil {
			t.Fatal(err)
		}
	}
	return cmd.Process.Pid
}

func TestAGroupIsMadeFoundAgainAndRemoved(t *testing.T) {
	for name, h := range hosts(t) {
		t.Run(name, func(t *testing.T) {
			g := made(t, h, nil)
			for _, p := range g.places {
				if _, err := os.Stat(p.Dir); err != nil {
					t.Error(err)
				}
			}
			again, err := h.Open(g.Path())
			if err != nil {
				t.Fatal(err)
			}
			if err := again.Remove(context.Background()); err != nil {
				t.Fatal(err)
			}
			if _, err := h.Open(g.Path()); !fault.Is(err, fault.NotFound) {
				t.Errorf("after Remove: %v", err)
			}
			if err := again.Remove(context.Background()); err != nil {
				t.Errorf("removing what is gone: %v", err)
			}
		})
	}
}

func TestLimitsAreWrittenAndUpdated(t *testing.T) {
	h, ok := hosts(t)["version 1"]
	if !ok || !h.Has("memory") || !h.Has("cpu") || !h.Has("pids") || !h.Has("cpuset") {
		t.Skip("needs version 1 controllers")
	}
	const mib = 1 << 20
	g := made(t, h, &specs.LinuxResources{
		Memory: &specs.LinuxMemory{Limit: ptr(int64(64 * mib)), Swap: ptr(int64(128 * mib)), Reservation: ptr(int64(32 * mib))},
		CPU:    &specs.LinuxCPU{Shares: ptr(uint64(512)), Quota: ptr(int64(50000)), Period: ptr(uint64(100000)), Cpus: "0"},
		Pids:   &specs.LinuxPids{Limit: ptr(int64(42))},
	})
	check := func(controller, file, want string) {
		t.Helper()
		p, _ := g.place(controller)
		b, err := os.ReadFile(filepath.Join(p.Dir, file))
		if err != nil || strings.TrimSpace(string(b)) != want {
			t.Errorf("%s is %q, want %s (%v)", file, b, want, err)
		}
	}
	check("memory", "memory.limit_in_bytes", fmt.Sprint(64*mib))
	check("cpu", "cpu.shares", "512")
	check("cpu", "cpu.cfs_quota_us", "50000")
	check("cpuset", "cpuset.cpus", "0")
	check("pids", "pids.max", "42")
	// Up past the old sum, then down again: the order of the two files matters.
	for _, limit := range []int64{512 * mib, 16 * mib} {
		if err := g.Update(&specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(limit), Swap: ptr(2 * limit)}}); err != nil {
			t.Fatal(err)
		}
		check("memory", "memory.limit_in_bytes", fmt.Sprint(limit))
	}
	check("pids", "pids.max", "42")
	if n, err := g.OOMKills(); n != 0 || err != nil {
		t.Errorf("%d kills, %v", n, err)
	}
}

func TestAFailedCreateLeavesNothingBehind(t *testing.T) {
	for name, h := range hosts(t) {
		t.Run(name, func(t *testing.T) {
			id := parent() + "-failed/x"
			_, err := h.Create(id, &specs.LinuxResources{CPU: &specs.LinuxCPU{Cpus: "100000"}})
			if k := fault.KindOf(err); err == nil || k != fault.Invalid && k != fault.Unsupported {
				t.Errorf("the error is %v", err)
			}
			for _, m := range h.mounts {
				if _, err := os.Stat(filepath.Join(m.Dir, filepath.Dir(id))); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("%s is left (%v)", m.Dir, err)
				}
			}
		})
	}
}

func TestAGroupInUseIsNotMadeAgain(t *testing.T) {
	for name, h := range hosts(t) {
		t.Run(name, func(t *testing.T) {
			g := made(t, h, nil)
			sleeper(t, g)
			if _, err := h.Create(g.Path(), nil); !fault.Is(err, fault.Conflict) {
				t.Errorf("Create: %v", err)
			}
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
			defer cancel()
			if err := g.Remove(ctx); !fault.Is(err, fault.Conflict) {
				t.Errorf("Remove: %v", err)
			}
		})
	}
}

func TestAFrozenGroupIsThawedOrKilled(t *testing.T) {
	for name, h := range hosts(t) {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			g := made(t, h, nil)
			pids := []int{sleeper(t, g), sleeper(t, g)}
			if procs, err := g.Procs(); err != nil || len(procs) != len(pids) {
				t.Fatalf("%v, %v", procs, err)
			}
			if err := g.Freeze(ctx); err != nil {
				t.Fatal(err)
			}
			if frozen, err := g.Frozen(); !frozen || err != nil {
				t.Errorf("frozen: %v, %v", frozen, err)
			}
			if err := g.Thaw(ctx); err != nil {
				t.Fatal(err)
			}
			if frozen, err := g.Frozen(); frozen || err != nil {
				t.Errorf("frozen after Thaw: %v, %v", frozen, err)
			}
			if err := g.Freeze(ctx); err != nil {
				t.Fatal(err)
			}
			if err := g.Kill(ctx); err != nil {
				t.Fatal(err)
			}
			if procs, err := g.Procs(); err != nil || len(procs) != 0 {
				t.Errorf("left after Kill: %v, %v", procs, err)
			}
		})
	}
}

func TestDeviceRulesHoldAndCanBeChanged(t *testing.T) {
	null := func(access string) []specs.LinuxDeviceCgroup {
		return []specs.LinuxDeviceCgroup{{Access: "rwm"}, {Allow: true, Type: "c", Major: ptr(int64(1)), Minor: ptr(int64(3)), Access: access}}
	}
	for name, h := range hosts(t) {
		t.Run(name, func(t *testing.T) {
			g := made(t, h, &specs.LinuxResources{Devices: null("rw")})
			for _, c := range []struct {
				device string
				rules  []specs.LinuxDeviceCgroup
				want   int
			}{
				{"/dev/null", nil, 0},
				{"/dev/zero", nil, 1},
				{"/dev/null", null("r"), 1},
				{"/dev/zero", []specs.LinuxDeviceCgroup{{Allow: true, Access: "rwm"}}, 0},
			} {
				if err := g.Update(&specs.LinuxResources{Devices: c.rules}); err != nil {
					t.Fatal(err)
				}
				if got := enter(t, g, c.device); got != c.want {
					t.Errorf("%s with %v: %d, want %d", c.device, c.rules, got, c.want)
				}
			}
		})
	}
}

// enter runs the child of TestMain in the group.
func enter(t *testing.T, g *Group, device string) int {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, append([]string{"enter", device}, g.JoinFiles()...)...)
	// The standard library would open /dev/null inside for absent streams.
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(""), os.Stderr, os.Stderr
	dir, err := g.Open()
	if err != nil {
		t.Fatal(err)
	}
	if dir != nil {
		defer dir.Close()
		cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(dir.Fd())}
	}
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode()
}

func TestAVersion2ParentHandsItsControllersDown(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("cgroup.controllers", "cpu memory pids perf_event\n")
	write("cgroup.subtree_control", "cpu")
	h, err := unifiedAt(root)
	if err != nil {
		t.Fatal(err)
	}
	if err := enableOne(h.mounts[0].Dir); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(filepath.Join(root, "cgroup.subtree_control")); string(b) != "+memory +pids" {
		t.Errorf("wrote %q", b)
	}
}

func TestVersion2ValuesGoToTheOneDirectory(t *testing.T) {
	root := t.TempDir()
	h := Hierarchy{version: V2, mounts: []Place{{Dir: root, Controllers: []string{"cpu", "cpuset", "io", "memory", "hugetlb", "pids"}, Unified: true}}}
	g, err := h.at("/g")
	if err != nil {
		t.Fatal(err)
	}
	todo, err := planned(V2, everything(V2))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(root, "g"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := write(g, todo); !fault.Is(err, fault.Unsupported) {
		t.Errorf("without files: %v", err)
	}
	last := map[string]string{}
	for _, s := range todo {
		last[s.file] = s.value
		if err := os.WriteFile(filepath.Join(root, "g", s.file), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := write(g, todo); err != nil {
		t.Fatal(err)
	}
	for file, want := range last {
		if b, _ := os.ReadFile(filepath.Join(root, "g", file)); string(b) != want {
			t.Errorf("%s holds %q, want %q", file, b, want)
		}
	}
	os.WriteFile(filepath.Join(root, "g", "memory.events"), []byte("low 0\noom 4\noom_kill 3\n"), 0o644)
	if n, err := g.OOMKills(); n != 3 || err != nil {
		t.Errorf("%d kills, %v", n, err)
	}
}

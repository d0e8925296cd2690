package cgroup

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// dockerLike is what `docker run -m 64m --cpus 0.5 --pids-limit 100` asks for.
func dockerLike() *specs.LinuxResources {
	rule := func(major, minor int64) specs.LinuxDeviceCgroup {
		return specs.LinuxDeviceCgroup{Allow: true, Type: "c", Major: &major, Minor: &minor, Access: "rwm"}
	}
	return &specs.LinuxResources{
		Memory:  &specs.LinuxMemory{Limit: ptr(int64(64 << 20)), Swap: ptr(int64(128 << 20))},
		CPU:     &specs.LinuxCPU{Quota: ptr(int64(50000)), Period: ptr(uint64(100000))},
		Pids:    &specs.LinuxPids{Limit: ptr(int64(100))},
		Devices: []specs.LinuxDeviceCgroup{{Access: "rwm"}, rule(1, 3), rule(1, 5), rule(1, 7), rule(1, 8), rule(1, 9), rule(5, 0), rule(5, 1)},
	}
}

// BenchmarkTheLifeOfAGroup makes a group with its limits, lets a thread enter it where
// that is a child's way, opens it where clone3(2) is, empties and removes it.
func BenchmarkTheLifeOfAGroup(b *testing.B) {
	h, err := Detect()
	if err != nil {
		b.Skip(err)
	}
	runtime.LockOSThread() // never unlocked: the thread may be anywhere
	ctx := context.Background()
	for i := 0; b.Loop(); i++ {
		g, err := h.Create(fmt.Sprintf("%s/bench-%d", parent(), i), dockerLike())
		if err != nil {
			b.Fatal(err)
		}
		for _, f := range g.JoinFiles() {
			if err := put(f, "0"); err != nil {
				b.Fatal(err)
			}
		}
		if f, err := g.Open(); err != nil {
			b.Fatal(err)
		} else if f != nil {
			f.Close()
		}
		for _, f := range g.JoinFiles() {
			if err := put(strings.TrimSuffix(filepath.Dir(f), g.Path())+"/tasks", "0"); err != nil {
				b.Fatal(err)
			}
		}
		if err := g.Kill(ctx); err != nil {
			b.Fatal(err)
		}
		if err := g.Remove(ctx); err != nil {
			b.Fatal(err)
		}
	}
	if err := cleanParent(h); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkABirthInAGroup is a program's start, in the group where clone3(2) can do that.
func BenchmarkABirthInAGroup(b *testing.B) {
	h, err := Detect()
	if err != nil {
		b.Skip(err)
	}
	g, err := h.Create(parent()+"/birth", nil)
	if err != nil {
		b.Fatal(err)
	}
	dir, err := g.Open()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		cmd := exec.Command("/bin/true")
		if dir != nil {
			cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(dir.Fd())}
		}
		if err := cmd.Run(); err != nil {
			b.Fatal(err)
		}
	}
	if dir != nil {
		dir.Close()
	}
	if err := g.Remove(context.Background()); err != nil {
		b.Fatal(err)
	}
	if err := cleanParent(h); err != nil {
		b.Fatal(err)
	}
}

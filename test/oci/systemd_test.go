//go:build linux

package oci

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/linux/cgroup/systemd"
)

// These need systemd as the first process: scripts/test-vm -systemd has it.
func needSystemd(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("/run/systemd/private"); err != nil {
		t.Skip("systemd does not run here")
	}
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err != nil {
		t.Skip("the control groups are not of version 2")
	}
}

const systemdFlag = "--systemd-cgroup"

func TestSystemdMakesAContainersGroup(t *testing.T) {
	needSystemd(t)
	b := newBundle(t, "cat /proc/self/cgroup; exec sleep 1000")
	memory, pids, quota, period, shares := int64(64<<20), int64(20), int64(25000), uint64(100000), uint64(512)
	b.spec.Linux.Resources = &specs.LinuxResources{
		Memory: &specs.LinuxMemory{Limit: &memory}, Pids: &specs.LinuxPids{Limit: &pids},
		CPU: &specs.LinuxCPU{Quota: &quota, Period: &period, Shares: &shares, Cpus: "0"}, Unified: map[string]string{"memory.high": "33554432"},
	}
	name := "t" + strconv.Itoa(os.Getpid())
	b.spec.Linux.CgroupsPath = "berth-test.slice:libpod:" + name
	b.spec.Annotations = map[string]string{"org.systemd.property.CollectMode": "'inactive-or-failed'"}
	b.save()
	group := "/berth.slice/berth-test.slice/libpod-" + name + ".scope"
	dir := "/sys/fs/cgroup" + group
	t.Cleanup(func() {
		for _, slice := range []string{"berth-test.slice", "berth.slice"} { // which stay otherwise
			if err := systemd.System().Stop(context.Background(), systemd.Unit{Name: slice}); err != nil {
				t.Error(err)
			}
		}
	})
	want := func(file, value string) {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(dir, file))
		if got := strings.TrimSpace(string(text)); err != nil || got != value {
			t.Errorf("%s is %q, want %q (%v)", file, got, value, err)
		}
	}
	b.ok(systemdFlag, "create", "-b", b.dir, "a")
	pid := b.state("a").Pid
	where, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if string(where) != "0::"+group+"\n" {
		t.Errorf("the container is in %q (%v)", where, err)
	}
	if procs, err := os.ReadFile(dir + "/cgroup.procs"); string(procs) != strconv.Itoa(pid)+"\n" {
		t.Errorf("in the group are %q (%v)", procs, err)
	}
	for file, value := range map[string]string{"memory.max": "67108864", "memory.high": "33554432", "pids.max": "20", "cpu.max": "25000 100000", "cpuset.cpus": "0"} {
		want(file, value)
	}
	// Another cannot have the same unit, and takes nothing away from this one.
	b.refused("libpod-"+name+".scope", systemdFlag, "create", "-b", b.dir, "b")
	b.ok("start", "a")
	if out := b.ok("exec", "a", "cat", "/proc/self/cgroup"); out != "0::/\n" {
		t.Errorf("a further process is in %q", out)
	}
	b.ok("update", "--pids-limit", "30", "--memory", "134217728", "--memory-swap", "-1", "a")
	want("pids.max", "30")
	want("memory.max", "134217728")
	b.ok("pause", "a")
	want("cgroup.freeze", "1")
	b.ok("resume", "a")
	want("cgroup.freeze", "0")
	b.ok("kill", "a", "KILL")
	b.waitFor("stopped", func() bool { return b.state("a").Status == specs.StateStopped })
	b.ok("delete", "a")
	if _, err := os.Stat(dir); err == nil {
		t.Error("the group is there still")
	}
}

func TestSystemdsContainerGivesEverythingBack(t *testing.T) {
	needSystemd(t)
	b := newBundle(t, "exit 7")
	name := "r" + strconv.Itoa(os.Getpid())
	b.spec.Linux.CgroupsPath = ":berth:" + name
	b.save()
	dir := "/sys/fs/cgroup/system.slice/berth-" + name + ".scope"
	gone := func(when string) {
		t.Helper()
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s: the group is there still", when)
		}
	}
	for range 2 { // the unit's name is free again
		if out, code := b.do(systemdFlag, "run", "-b", b.dir, "a"); code != 7 {
			t.Errorf("%d %s", code, out)
		}
		gone("after its end")
	}
	// systemd ends it: systemctl stop.
	b.spec.Process.Args = []string{"sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait"}
	b.save()
	b.ok(systemdFlag, "run", "-d", "-b", b.dir, "a")
	if err := systemd.System().Stop(t.Context(), systemd.Of("/system.slice/berth-"+name+".scope")); err != nil {
		t.Error(err)
	}
	b.waitFor("stopped", func() bool { return b.state("a").Status == specs.StateStopped })
	b.ok("delete", "a")
	gone("after stop")
	// A start that fails, late and early.
	b.spec.Process.Args = []string{"/none"}
	b.save()
	b.refused("no such file", systemdFlag, "run", "-b", b.dir, "a")
	gone("after a program that is not there")
	b.spec.Linux.CgroupsPath = "/a/path"
	b.save()
	b.refused("slice:prefix:name", systemdFlag, "create", "-b", b.dir, "a")
	b.spec.Linux.CgroupsPath = "a--b.slice:c:d"
	b.save()
	b.refused("invalid slice name", systemdFlag, "create", "-b", b.dir, "a")
}

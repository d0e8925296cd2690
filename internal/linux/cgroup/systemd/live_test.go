//go:build linux

package systemd

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"berth/internal/fault"
)

// TestSystemdItselfMakesAScope needs systemd as the first process, and version 2.
func TestSystemdItselfMakesAScope(t *testing.T) {
	if _, err := os.Stat(System().socket); err != nil || os.Getuid() != 0 {
		t.Skip("systemd does not run here, or we are not root")
	}
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err != nil {
		t.Skip("the control groups are not of version 2")
	}
	sleeper := func() *exec.Cmd {
		cmd := exec.Command("sleep", "100")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		return cmd
	}
	u := Unit{"system.slice", "berth-systemd-test.scope"}
	file := func(name string) string {
		text, err := os.ReadFile("/sys/fs/cgroup" + u.Group() + "/" + name)
		if err != nil {
			return err.Error()
		}
		return strings.TrimSpace(string(text))
	}
	want := func(name, value string) {
		t.Helper()
		if got := file(name); got != value {
			t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
	m, ctx := System(), t.Context()
	cmd := sleeper()
	limits := []Property{{"Description", "a test"}, {"MemoryMax", uint64(64 << 20)}, {"TasksMax", uint64(20)}, {"CPUWeight", uint64(50)},
		{"CPUQuotaPerSecUSec", uint64(250000)}, {"CPUQuotaPeriodUSec", uint64(100000)}, {"AllowedCPUs", []byte{1}}, {"AllowedMemoryNodes", []byte{1}}}
	if err := m.Start(ctx, u, cmd.Process.Pid, limits); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := m.Stop(ctx, u); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat("/sys/fs/cgroup" + u.Group()); err == nil {
			t.Error("the group is there still")
		}
	}()
	hold := func() {
		t.Helper()
		want("memory.max", "67108864")
		want("pids.max", "20")
		want("cpu.weight", "50")
		want("cpu.max", "25000 100000")
		want("cpuset.cpus", "0")
	}
	hold()
	if err := m.Start(ctx, u, sleeper().Process.Pid, nil); !fault.Is(err, fault.Conflict) {
		t.Error("a second unit of the same name: ", err)
	}
	// What systemd knows survives its looking at everything again.
	b, err := dial(ctx, m.socket)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.do(manager("Reload"), nil); err != nil {
		t.Error(err)
	}
	b.close()
	hold()
	if err := m.Set(ctx, u, []Property{{"TasksMax", uint64(30)}}); err != nil {
		t.Error(err)
	}
	for range 100 { // it writes when it comes to it
		if file("pids.max") == "30" {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	want("pids.max", "30")
	if err := m.Set(ctx, u, []Property{{"NoSuchThing", true}}); !fault.Is(err, fault.Invalid) {
		t.Error(err)
	}
	if err := m.Start(ctx, Unit{"system.slice", "berth-nobody.scope"}, 1<<22-1, nil); err == nil {
		t.Error("a unit around nobody is no error")
	}
	_ = cmd.Process.Kill()
}

package stat

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/linux/cgroup"
)

// busy is a group with a limit and a process that has worked for a moment.
func busy(t *testing.T) *cgroup.Group {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	h, err := cgroup.Detect()
	if err != nil {
		t.Fatal(err)
	}
	limit, pids := int64(64<<20), int64(33)
	name := fmt.Sprintf("/berth-stat-%d", os.Getpid())
	g, err := h.Create(name, &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &limit}, Pids: &specs.LinuxPids{Limit: &pids}})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", "read x; i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; echo; read x; true")
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
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
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
		if err := g.Remove(ctx); err != nil {
			t.Error(err)
		}
	})
	for _, f := range g.JoinFiles() {
		if err := os.WriteFile(filepath.Join(filepath.Dir(f), "cgroup.procs"), fmt.Append(nil, cmd.Process.Pid), unix.O_WRONLY); err != nil {
			t.Fatal(err)
		}
	}
	fmt.Fprintln(in)
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return g
}

func TestALiveGroupIsCounted(t *testing.T) {
	s := Of(busy(t))
	if s.CPU.Total == 0 || s.Pids.Current != 1 || s.Pids.Limit != 33 || s.Memory.Usage.Limit != 64<<20 || len(s.Memory.Stat) < 10 {
		t.Errorf("%+v", s)
	}
	if _, err := os.Stat("/proc/pressure/cpu"); err == nil && !s.CPU.Pressure.Counted {
		t.Errorf("the tree's pressure is not read: %+v", s.CPU.Pressure)
	}
}

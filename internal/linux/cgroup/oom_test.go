package cgroup

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestAGroupThatRunsOutOfMemoryIsToldOfAndItsEndIsNot(t *testing.T) {
	for name, h := range hosts(t) {
		t.Run(name, func(t *testing.T) {
			if !h.Has("memory") {
				t.Skip("there is no memory controller here")
			}
			limit := int64(8 << 20)
			g, err := h.Create("/berth-oom-test", &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &limit, Swap: &limit}})
			if err != nil {
				t.Fatal(err)
			}
			stop, told, ended := make(chan struct{}), make(chan struct{}, 100), make(chan error, 1)
			go func() { ended <- WatchOOM(g, stop, func() { told <- struct{}{} }) }()
			p, _ := g.place("memory")
			for heard := false; !heard; {
				// It may be through before the watch has begun: then once more.
				cmd := exec.Command("sh", "-c", "echo $$ > "+p.Dir+"/cgroup.procs && exec tail /dev/zero")
				if out, err := cmd.CombinedOutput(); err == nil {
					t.Fatalf("it has survived: %s", out)
				}
				select {
				case <-told:
					heard = true
				case err := <-ended:
					t.Fatal("the watch has ended:", err)
				case <-time.After(100 * time.Millisecond):
				}
			}
			for len(told) > 0 {
				<-told
			}
			if err := g.Remove(t.Context()); err != nil {
				t.Fatal(err)
			}
			close(stop)
			if err := <-ended; err != nil {
				t.Error(err)
			}
			if len(told) > 0 {
				t.Error("the group's end is taken for want of memory")
			}
			if _, err := os.Stat(p.Dir); err == nil {
				t.Error("the group is still there")
			}
		})
	}
}

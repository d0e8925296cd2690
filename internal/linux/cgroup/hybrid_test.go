package cgroup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// hybrid is a host with version 1's controllers and a version 2 tree beside them.
func hybrid(t *testing.T) Hierarchy {
	t.Helper()
	h, ok := hosts(t)["version 1"]
	if _, beside := unified(h.mounts); !ok || !beside {
		t.Skip("needs a hybrid host")
	}
	return h
}

func TestAKillReachesThoseWhoAreInTheTreeAndThoseBesideIt(t *testing.T) {
	h := hybrid(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	g := made(t, h, nil)
	inside := sleeper(t, g)
	beside := exec.Command("sleep", "1000") // as an older engine put it
	if err := beside.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		beside.Process.Kill()
		beside.Wait()
	}()
	for _, p := range g.places {
		if p.Unified || p.Name != "" {
			continue
		}
		if err := put(filepath.Join(p.Dir, "cgroup.procs"), fmt.Sprint(beside.Process.Pid)); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.Freeze(ctx); err != nil {
		t.Fatal(err)
	}
	if err := g.Kill(ctx); err != nil {
		t.Fatal(err)
	}
	for _, pid := range []int{inside, beside.Process.Pid} {
		var info unix.Siginfo
		if err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOWAIT, nil); err != nil || info.Code != 2 /* CLD_KILLED */ {
			t.Errorf("process %d: %+v, %v", pid, info.Code, err)
		}
	}
	if err := g.Kill(ctx); err != nil {
		t.Errorf("killing nobody: %v", err)
	}
}

func TestAGroupThatLacksWhatCanBeSparedIsFoundWithoutIt(t *testing.T) {
	h := hybrid(t)
	g := made(t, h, nil)
	for _, p := range g.places {
		if h.spare(p) {
			if err := os.Remove(p.Dir); err != nil {
				t.Fatal(err)
			}
		}
	}
	again, err := h.Open(g.Path())
	if err != nil {
		t.Fatal(err)
	}
	if f, err := again.Open(); f != nil || err != nil {
		t.Errorf("the tree: %v, %v", f, err)
	}
	for _, file := range again.JoinFiles() {
		if _, err := os.Stat(file); err != nil {
			t.Error(err)
		}
	}
	if err := errors.Join(again.Kill(t.Context()), again.Remove(t.Context())); err != nil {
		t.Error(err)
	}
	if _, err := h.Open(g.Path()); !fault.Is(err, fault.NotFound) {
		t.Errorf("%v", err)
	}
}

func TestAGroupThatWasMadeInsideInOneHierarchyIsItsOuterGroupWhereThatCanBeSpared(t *testing.T) {
	h := hybrid(t)
	g := made(t, h, nil)
	for _, p := range g.places {
		if len(p.Controllers) > 0 && !p.Unified {
			if err := os.Mkdir(p.Dir+"/inner", 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	inner, err := h.OpenBelow(g.Path(), "../inner")
	if err != nil {
		t.Fatal(err)
	}
	if len(inner.places) != len(g.places) {
		t.Errorf("%v", inner.places)
	}
	for _, p := range inner.places {
		if controls := len(p.Controllers) > 0 && !p.Unified; controls != (filepath.Base(p.Dir) == "inner") {
			t.Errorf("%v", p)
		}
	}
	if _, err := h.OpenBelow(g.Path(), "other"); !fault.Is(err, fault.NotFound) {
		t.Errorf("%v", err)
	}
	same, err := h.OpenBelow(g.Path(), "")
	if err != nil || same.Path() != g.Path() || len(same.places) != len(g.places) {
		t.Errorf("%v, %v", same, err)
	}
}

// A hybrid host's version 2 tree may have a controller that no version 1 hierarchy has.
func TestALimitOfAControllerThatOnlyTheTreeHasIsSetThere(t *testing.T) {
	h := hybrid(t)
	if tree, _ := unified(h.mounts); !tree.has("hugetlb") {
		t.Skip("needs hugetlb in the tree")
	}
	const request = `hugepageLimits [{"pageSize":"2MB","limit":4194304}]`
	check := func(t *testing.T, g *Group) {
		p, _ := g.Place("hugetlb")
		if got, err := p.read("hugetlb.2MB.max"); got != "4194304\n" || err != nil || !p.Unified {
			t.Errorf("%q, %v, %v", got, p, err)
		}
	}
	t.Run("made with it", func(t *testing.T) { check(t, made(t, h, parsed(t, request))) })
	t.Run("updated", func(t *testing.T) {
		g := made(t, h, nil)
		if err := g.Update(parsed(t, request)); err != nil {
			t.Error(err)
		}
		check(t, g)
	})
}

func TestAGroupGoesWithoutAPlaceThatNobodyMayWriteTo(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	pids := Place{Dir: t.TempDir(), Controllers: []string{"pids"}}
	// Nobody makes directories in /sys.
	for _, spare := range []Place{{Dir: "/sys", Name: "named"}, {Dir: "/sys", Unified: true}} {
		g, err := Hierarchy{version: V1, mounts: []Place{pids, spare}}.Create("/berth/x", nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(g.places) != 1 || g.places[0].Dir != pids.Dir+"/berth/x" {
			t.Errorf("%v", g.places)
		}
	}
	if _, err := (Hierarchy{version: V1, mounts: []Place{pids, {Dir: "/sys", Controllers: []string{"cpu"}}}}).Create("/other/x", nil); err == nil {
		t.Error("a controller is not spared")
	}
	if entries, err := os.ReadDir(pids.Dir); err != nil || len(entries) != 1 {
		t.Errorf("left: %v, %v", entries, err)
	}
}

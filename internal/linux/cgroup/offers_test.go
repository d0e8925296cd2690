package cgroup

import (
	"os"
	"path/filepath"
	"testing"
)

func TestSwapIsLimitedWhereTheKernelHasAFileForIt(t *testing.T) {
	place := func(unified bool, file string) Hierarchy {
		dir := t.TempDir()
		if file != "" {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, file), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return Hierarchy{mounts: []Place{{Dir: dir, Controllers: []string{"memory"}, Unified: unified}}}
	}
	for name, c := range map[string]struct {
		h    Hierarchy
		want bool
	}{
		"version 1": {place(false, "memory.memsw.limit_in_bytes"), true}, "version 1 without": {place(false, ""), false},
		"version 2": {place(true, "init.scope/memory.swap.max"), true}, "version 2 without": {place(true, "init.scope/memory.max"), false}, "version 2 without a group to look at": {place(true, ""), true},
		"no memory": {Hierarchy{mounts: []Place{{Dir: "/", Controllers: []string{"cpu"}}}}, false},
	} {
		if got := c.h.LimitsSwap(); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

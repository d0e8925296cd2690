package cgroup

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// JoinFiles are the files that a child writes "0" to on version 1, to enter
// the group: its own `tasks` needs no RCU grace period, cgroup.procs does.
// On version 2 there are none (see Open).
func (g *Group) JoinFiles() []string {
	var out []string
	for _, p := range g.places {
		if !p.Unified {
			out = append(out, filepath.Join(p.Dir, "tasks"))
		}
	}
	return out
}

// Open opens the group's directory in the version 2 tree for clone3(2)'s
// CLONE_INTO_CGROUP. Where there is no such tree it gives nil. The caller closes it.
func (g *Group) Open() (*os.File, error) {
	p, ok := unified(g.places)
	if !ok {
		return nil, nil
	}
	return openDir(p.Dir)
}

func openDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, explain(err, dir)
	}
	return f, nil
}

// OpenBeside is Open for a further process of a group that pid is the first of.
// A group that hands controllers down to groups of its own, as a daemon inside
// a container makes it do, can hold no processes (cgroups(7), "no internal
// processes"): there it opens the group that pid is in.
func (g *Group) OpenBeside(pid int) (*os.File, error) {
	p, ok := unified(g.places)
	if !ok {
		return nil, nil
	}
	down, err := os.ReadFile(filepath.Join(p.Dir, "cgroup.subtree_control"))
	if err != nil || len(strings.TrimSpace(string(down))) == 0 {
		return openDir(p.Dir)
	}
	in, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err != nil {
		return openDir(p.Dir)
	}
	for line := range strings.Lines(string(in)) {
		name, v2 := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::")
		if below, ok := strings.CutPrefix(name, g.path+"/"); v2 && ok {
			return openDir(filepath.Join(p.Dir, below))
		}
	}
	return openDir(p.Dir)
}

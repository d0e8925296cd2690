package cgroup

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// Procs lists the processes of the group and of groups made inside it.
func (g *Group) Procs() ([]int, error) {
	p := g.places[0]
	if fz, ok := g.place("freezer"); ok {
		p = fz
	}
	var out []int
	err := eachDir(p.Dir, func(dir string) error {
		text, err := get(filepath.Join(dir, "cgroup.procs"))
		if err != nil && !gone(err) {
			return err
		}
		for _, f := range strings.Fields(text) {
			// 0 is a process outside this pid namespace.
			if pid, err := strconv.Atoi(f); err == nil && pid > 0 {
				out = append(out, pid)
			}
		}
		return nil
	})
	if err != nil {
		return nil, explain(err, "cgroup.procs")
	}
	return out, nil
}

// gone reports whether a group disappeared under a reader.
func gone(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) }

// eachDir visits a group's directories, the deepest first.
func eachDir(dir string, visit func(string) error) error {
	// Mostly there is none below: two links are the directory's own.
	var st unix.Stat_t
	if unix.Stat(dir, &st) == nil && st.Nlink == 2 {
		return visit(dir)
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !gone(err) {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := eachDir(filepath.Join(dir, e.Name()), visit); err != nil {
				return err
			}
		}
	}
	return visit(dir)
}

// poll runs done until it says yes, fails, or ctx ends, at growing intervals.
func poll(ctx context.Context, what string, done func() (bool, error)) error {
	for wait := 50 * time.Microsecond; ; wait = min(2*wait, 10*time.Millisecond) {
		if ok, err := done(); ok || err != nil {
			return err
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return fault.Wrap(fault.Cancelled, ctx.Err(), "The control group was not %s in time", what)
		case <-t.C:
		}
	}
}

// Freeze stops every process of the group, and returns when all have stopped.
// When ctx ends first the group is thawed again.
func (g *Group) Freeze(ctx context.Context) error {
	err := g.freeze(ctx)
	if err != nil {
		return errors.Join(err, g.Thaw(context.WithoutCancel(ctx)))
	}
	return nil
}

func (g *Group) freeze(ctx context.Context) error {
	p, ok := g.place("freezer")
	if !ok {
		return fault.New(fault.Unsupported, "This host has no freezer controller.")
	}
	if p.Unified {
		if err := put(filepath.Join(p.Dir, "cgroup.freeze"), "1"); err != nil {
			return explain(err, "cgroup.freeze")
		}
		return poll(ctx, "frozen", func() (bool, error) {
			n, err := p.keyed("cgroup.events", "frozen")
			return n == 1, err
		})
	}
	state := filepath.Join(p.Dir, "freezer.state")
	return poll(ctx, "frozen", func() (bool, error) {
		// Written again each time: a fork in between can leave it FREEZING
		// for ever (freezer-subsystem.rst).
		if err := put(state, "FROZEN"); err != nil {
			return false, explain(err, "freezer.state")
		}
		b, err := os.ReadFile(state)
		return strings.TrimSpace(string(b)) == "FROZEN", err
	})
}

// Thaw lets a frozen group run again.
func (g *Group) Thaw(ctx context.Context) error {
	p, ok := g.place("freezer")
	if !ok {
		return fault.New(fault.Unsupported, "This host has no freezer controller.")
	}
	if p.Unified {
		if err := put(filepath.Join(p.Dir, "cgroup.freeze"), "0"); err != nil {
			return explain(err, "cgroup.freeze")
		}
		return poll(ctx, "thawed", func() (bool, error) {
			n, err := p.keyed("cgroup.events", "frozen")
			return n == 0, err
		})
	}
	if err := put(filepath.Join(p.Dir, "freezer.state"), "THAWED"); err != nil {
		return explain(err, "freezer.state")
	}
	return nil
}

// Frozen reports whether the group is frozen, or on its way there.
func (g *Group) Frozen() (bool, error) {
	p, ok := g.place("freezer")
	if !ok {
		return false, nil
	}
	file, thawed := "freezer.state", "THAWED"
	if p.Unified {
		file, thawed = "cgroup.freeze", "0"
	}
	b, err := os.ReadFile(filepath.Join(p.Dir, file))
	if err != nil {
		return false, explain(err, file)
	}
	return strings.TrimSpace(string(b)) != thawed, nil
}

// Remove takes the group away, and groups made inside it. The kernel lets go
// of the last process a little after it is reaped, so it tries for a second
// at most, or until ctx ends. A group that is gone is fine. The error is
// fault.Conflict when processes are left.
func (g *Group) Remove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var failed error
	for _, p := range g.places {
		if err := removeDir(ctx, p.Dir); err != nil {
			failed = errors.Join(failed, explain(err, p.Dir))
		}
	}
	if failed == nil {
		return nil
	}
	return fault.Wrap(fault.KindOf(failed), failed, "The control group %s cannot be removed", g.path)
}

func removeDir(ctx context.Context, dir string) error {
	last := error(nil)
	err := poll(ctx, "removable", func() (bool, error) {
		last = unix.Rmdir(dir)
		if errors.Is(last, unix.EBUSY) || errors.Is(last, unix.ENOTEMPTY) {
			last = eachDir(dir, func(d string) error { return unix.Rmdir(d) })
		}
		if last == nil || gone(last) {
			return true, nil
		}
		if errors.Is(last, unix.EBUSY) || errors.Is(last, unix.ENOTEMPTY) || errors.Is(last, unix.EINTR) {
			return false, nil
		}
		return false, last
	})
	if err != nil && last != nil {
		return last
	}
	return err
}

//go:build linux

package crash

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"berth/test/harness"
)

// failpoints are the names of all failpoints in the source, sorted.
func failpoints(t *testing.T) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(filepath.Join(harness.Root(), "internal"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && isFailpoint(call) {
				name, err := strconv.Unquote(call.Args[0].(*ast.BasicLit).Value)
				if err != nil || slices.Contains(names, name) {
					t.Errorf("%s: the failpoint %s is not the only one of its name", path, name)
				}
				names = append(names, name)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

// isFailpoint recognizes failpoint.At("name").
func isFailpoint(call *ast.CallExpr) bool {
	at, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || at.Sel.Name != "At" || len(call.Args) != 1 {
		return false
	}
	room, ok := at.X.(*ast.Ident)
	_, literal := call.Args[0].(*ast.BasicLit)
	return ok && literal && room.Name == "failpoint"
}

// lanes is how many daemons the failpoints are shared out among.
const lanes = 3

// TestADaemonThatDiesAtAnyFailpointLosesAndLeavesNothing lets the daemon die at each failpoint that the source
// has while many clients want everything of it, and holds the next daemon to what was answered. BERTH_FAILPOINT
// names the one that is tried alone.
func TestADaemonThatDiesAtAnyFailpointLosesAndLeavesNothing(t *testing.T) {
	t.Parallel()
	names := failpoints(t)
	if only := os.Getenv("BERTH_FAILPOINT"); only != "" {
		names = slices.DeleteFunc(names, func(n string) bool { return !strings.HasPrefix(n, only) })
	}
	if len(names) == 0 {
		t.Fatal("the source has no failpoint")
	}
	programs := harness.BuildTagged(t, "failpoint", "berthd", "berth-keeper")
	t.Logf("%d failpoints", len(names))
	taking := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !strings.HasPrefix(n, "shutdown.") })
	names = slices.DeleteFunc(names, func(n string) bool { return slices.Contains(taking, n) })
	lane := func(name string, points []string, args ...string) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			armed := t.TempDir()
			d := harness.Start(t, harness.WithPrograms(programs), harness.WithEnv("BERTH_FAILPOINTS="+armed), harness.WithArgs(args...))
			d.Client(t, "docker").Must("run", "--rm", "berth/hello", "true")
			for _, point := range points {
				if !t.Failed() {
					diesAt(t, d, filepath.Join(armed, point), len(args) > 0)
				}
			}
		})
	}
	for i := range lanes {
		var mine []string
		for j := i; j < len(names); j += lanes {
			mine = append(mine, names[j])
		}
		lane(fmt.Sprintf("lane %d", i), mine)
	}
	lane("a daemon that takes its containers along", taking, "--live-restore=false")
}

// diesAt has the daemon die at a failpoint, and looks at what the next one has; where the
// daemon takes its containers along, what ran may run or have ended.
func diesAt(t *testing.T, d *harness.Daemon, point string, along bool) {
	t.Helper()
	name := filepath.Base(point)
	if err := os.WriteFile(point, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	since := time.Now()
	all := play(d)
	reached := func() bool {
		_, err := os.Stat(point)
		return errors.Is(err, fs.ErrNotExist)
	}
	ends := []func(*testing.T, *harness.Daemon, []*worker) error{killed, ended, lost}
	if along {
		ends = ends[1:2]
	}
	for _, end := range ends {
		if reached() {
			break
		}
		if err := end(t, d, all); err != nil && !reached() {
			t.Fatalf("%s: %v", name, err)
		}
	}
	if !soon(reached) { // recovery may go on after the daemon answers
		t.Errorf("nothing that the clients want leads to the failpoint %s", name)
		return
	}
	if err := d.Died(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	d.StartAgain()
	for _, w := range all {
		for _, b := range w.beliefs {
			b.wild = b.wild || along && (b.state == running || b.state == paused)
		}
		for _, s := range w.strange {
			t.Errorf("%s: %s", name, s)
		}
	}
	t.Log(name)
	compare(t, d, all, name)
	if err := kept(d, all); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	if err := gone(d, since); err != nil {
		t.Errorf("%s: %v", name, err)
	}
}

// play has everything done that clients want of a daemon, all at once.
func play(d *harness.Daemon) []*worker {
	var all []*worker
	var playing sync.WaitGroup
	for _, s := range scenes() {
		w := &worker{d: d}
		all = append(all, w)
		playing.Go(func() { s(w) })
	}
	playing.Wait()
	return all
}

// killed kills the daemon while nobody wants anything, has a run end that it does not see, and starts it again.
func killed(t *testing.T, d *harness.Daemon, all []*worker) error {
	found, err := (&worker{d: d}).all()
	if err != nil {
		return err
	}
	d.Kill9()
	for _, w := range all {
		for _, b := range w.beliefs {
			if pid := found[b.id].State.Pid; !b.wild && b.state == running && pid != 0 {
				if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
					return err
				}
				code := 128 + int(syscall.SIGKILL)
				b.state, b.code = exited, &code
				return d.Begin()
			}
		}
	}
	t.Error("no container runs that could end meanwhile")
	return nil
}

// ended has the daemon end by itself, and starts it again.
func ended(_ *testing.T, d *harness.Daemon, _ []*worker) error {
	if err := d.End(); err != nil {
		return err
	}
	return d.Begin()
}

// lost kills the daemon and its keeper, with which the ends of what ran are lost, and starts it again.
func lost(t *testing.T, d *harness.Daemon, all []*worker) error {
	for _, w := range all {
		w.blind = true
		for _, b := range w.beliefs {
			b.wild = b.wild || b.state == running || b.state == paused
		}
	}
	keeper := d.KeeperPid()
	d.Kill9()
	killProcess(t, keeper)
	return d.Begin()
}

//go:build linux

package harness

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/nftables"
)

// WithEnv adds "NAME=value" to the environment of berthd and of the keeper that it starts.
func WithEnv(pairs ...string) Option {
	return func(d *Daemon) { d.env = append(d.env, pairs...) }
}

// Begin starts berthd after Stop or Kill9, over the same roots, when it may die at once.
// It is an error that it did.
func (d *Daemon) Begin() error { return d.launch() }

// Quit ends a berthd that hangs: its log says where, and the test has failed.
func (d *Daemon) Quit() {
	d.t.Helper()
	d.t.Errorf("berthd does not answer: %v", d.end(syscall.SIGQUIT))
}

// End is Stop for a berthd that may die on the way.
func (d *Daemon) End() error { return d.end(syscall.SIGTERM) }

// Died waits until berthd has gone, by itself or by a signal that was not ours.
func (d *Daemon) Died() error {
	d.mu.Lock()
	r := d.daemon
	d.mu.Unlock()
	if r == nil {
		return nil
	}
	return within(Patience, func() error {
		select {
		case <-r.done:
		default:
			return fmt.Errorf("berthd (%d) is still there", r.pid)
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		d.daemon = nil
		return nil
	})
}

// readyLinks is how many links may wait on a bridge for containers to come.
const readyLinks = 24

// Empty removes every container and waits until nothing of any is left: no mount,
// namespace, link, control group, rule, process, volume or file.
func (d *Daemon) Empty() error {
	return errors.Join(d.removeAll(), settle("with all containers removed", func() []string {
		left := append(d.ofContainers(), d.rules()...)
		left = append(left, entries(d.data+"/volumes", ".trash")...)
		left = append(left, entries(d.data+"/volumes/.trash")...)
		if n := len(d.bridgePorts()); n > readyLinks {
			left = append(left, fmt.Sprintf("%d links on the bridge", n))
		}
		return left
	}))
}

// rules are the ports that the daemon's table of nftables publishes.
func (d Traces) rules() []string {
	conn, err := nftables.New()
	if err != nil {
		return []string{err.Error()}
	}
	table := &nftables.Table{Family: nftables.TableFamilyIPv4, Name: "berth_" + d.Bridge()}
	sets, err := conn.GetSets(table)
	if err != nil {
		return []string{err.Error()}
	}
	var left []string
	for _, s := range sets {
		if !s.IsMap {
			continue // of networks
		}
		elements, err := conn.GetSetElements(s)
		if err != nil {
			return []string{err.Error()}
		}
		if len(elements) > 0 {
			left = append(left, fmt.Sprintf("%d rules in %s", len(elements), s.Name))
		}
	}
	return left
}

// BuildTagged makes programs of this checkout with a build tag, and returns their directory.
func BuildTagged(t testing.TB, tag string, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		build := exec.Command("go", "build", "-tags", tag, "-o", filepath.Join(dir, name), "./cmd/"+name)
		build.Dir, build.Env = Root(), append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%s cannot be built: %v\n%s", name, err, out)
		}
	}
	return dir
}

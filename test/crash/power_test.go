//go:build linux

package crash

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"berth/test/harness"
)

// disk is an ext4 on a file: what has been written to it and not reached the
// file is lost with the power.
type disk struct {
	t        *testing.T
	file, at string
}

// run runs a program of the distribution.
func run(t *testing.T, name string, args ...string) error {
	t.Helper()
	if out, err := exec.Command(harness.Tool(t, name), args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}

// mounted mounts a file. The test is skipped where there are no loop devices.
func mounted(t *testing.T, file string) disk {
	t.Helper()
	d := disk{t, file, file + ".mount"}
	if err := os.Mkdir(d.at, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := run(t, "mount", "-o", "loop", file, d.at); err != nil {
		t.Skipf("loop devices are needed: %v", err)
	}
	t.Cleanup(func() {
		if err := run(t, "umount", d.at); err != nil {
			t.Error(err)
		}
	})
	return d
}

// copyOf is the disk as the file has it at one moment: two copies that are the same
// have nothing written between them.
func (d disk) copyOf(to string) {
	d.t.Helper()
	harness.Eventually(d.t, "a moment in which nothing is written", func() error {
		var sums [2][]byte
		for i := range sums {
			if err := run(d.t, "cp", "--sparse=always", d.file, to); err != nil {
				return err
			}
			sum, err := exec.Command(harness.Tool(d.t, "sha256sum"), to).Output()
			if err != nil {
				return err
			}
			sums[i] = sum
		}
		if !bytes.Equal(sums[0], sums[1]) {
			return errors.New("the disk is being written")
		}
		return nil
	})
}

// ledger is what a daemon has acknowledged: the names of containers, and whether they exist.
// A name is in doubt while a request about it is under way.
type ledger struct {
	sync.Mutex
	exists map[string]bool
	doubt  map[string]bool
}

// ask marks names as doubtful, sends a request, and writes its effect down.
func (l *ledger) ask(ctx context.Context, d *harness.Daemon, method, path, body string, effect map[string]bool) error {
	l.Lock()
	for name := range effect {
		l.doubt[name] = true
	}
	l.Unlock()
	req, err := http.NewRequestWithContext(ctx, method, "http://berth/v1.47"+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := d.HTTP().Do(req)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s", method, path, resp.Status)
	}
	l.Lock()
	defer l.Unlock()
	for name, there := range effect {
		l.exists[name] = there
		delete(l.doubt, name)
	}
	return nil
}

// work creates, renames and removes containers until ctx ends.
func (l *ledger) work(ctx context.Context, d *harness.Daemon, who int) error {
	for i := 0; ctx.Err() == nil; i++ {
		a, b := fmt.Sprintf("w%d-%d", who, i), fmt.Sprintf("w%d-%d-renamed", who, i)
		err := l.ask(ctx, d, "POST", "/containers/create?name="+a, `{"Image":"berth/hello","Cmd":["true"]}`, map[string]bool{a: true})
		if err == nil && i%2 == 1 {
			err = l.ask(ctx, d, "POST", "/containers/"+a+"/rename?name="+b, "", map[string]bool{a: false, b: true})
		}
		if err == nil && i%3 == 2 {
			name := a
			if i%2 == 1 {
				name = b
			}
			err = l.ask(ctx, d, "DELETE", "/containers/"+name, "", map[string]bool{name: false})
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// TestAfterPowerLossEveryAcknowledgedChangeIsThere copies the disk below the data root while
// containers are made, renamed and removed, and starts a daemon on the copy, as a machine does that has lost its power: with
// nothing in /run, no process, and no byte that had not reached the disk.
func TestAfterPowerLossEveryAcknowledgedChangeIsThere(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("/tmp", "berth-power-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	file := filepath.Join(dir, "disk")
	if err := errors.Join(run(t, "truncate", "-s", "128M", file), run(t, "mkfs.ext4", "-q", file)); err != nil {
		t.Fatal(err)
	}
	first := mounted(t, file)
	d := harness.Start(t, harness.WithDataRoot(filepath.Join(first.at, "data")))
	c := d.Client(t, "docker")
	c.Must("run", "-d", "--name", "up", "--restart", "always", "berth/hello", "sleep", "infinity")
	c.Must("run", "-d", "--name", "down", "berth/hello", "sleep", "infinity")
	c.Must("run", "--name", "ended", "berth/hello", "true")

	for round := range 3 {
		l := &ledger{exists: map[string]bool{}, doubt: map[string]bool{}}
		ctx, stop := context.WithCancel(t.Context())
		var workers sync.WaitGroup
		failed := make(chan error, 4)
		for who := range cap(failed) {
			workers.Go(func() { failed <- l.work(ctx, d, round*100+who) })
		}
		time.Sleep(time.Duration(100+rand.IntN(400)) * time.Millisecond) // any moment
		if err := syscall.Kill(d.Pid(), syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		l.Lock()
		exists, doubt := maps.Clone(l.exists), maps.Clone(l.doubt)
		l.Unlock()
		image := filepath.Join(dir, fmt.Sprintf("copy%d", round))
		first.copyOf(image)
		if err := syscall.Kill(d.Pid(), syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		stop()
		workers.Wait()
		for range cap(failed) {
			if err := <-failed; err != nil {
				t.Error(err)
			}
		}
		t.Run(fmt.Sprint(round), func(t *testing.T) { afterPowerLoss(t, image, exists, doubt) })
		c.Must("container", "prune", "--force")
		c.Must("run", "--name", "ended", "berth/hello", "true")
	}
}

// afterPowerLoss starts a daemon on a copy and looks whether what was acknowledged is there.
func afterPowerLoss(t *testing.T, image string, exists, doubt map[string]bool) {
	second := mounted(t, image)
	d := harness.Start(t, harness.WithDataRoot(filepath.Join(second.at, "data")))
	c := d.Client(t, "docker")
	t.Logf("%d names were acknowledged, %d in doubt", len(exists), len(doubt))
	there := map[string]bool{}
	for _, name := range bytes.Fields([]byte(c.Must("ps", "-a", "--format", "{{.Names}}"))) {
		there[string(name)] = true
	}
	for _, name := range slices.Sorted(maps.Keys(exists)) {
		if there[name] != exists[name] && !doubt[name] {
			t.Errorf("%s: acknowledged as there: %t, and after the power loss: %t", name, exists[name], there[name])
		}
	}
	harness.Eventually(t, "what is to be up starts", func() error {
		if state := c.Must("inspect", "-f", "{{.State.Status}}", "up"); state != "running" {
			return fmt.Errorf("it is %s", state)
		}
		return nil
	})
	c.Prints("exited", "inspect", "-f", "{{.State.Status}}", "down")
	c.Prints("exited 0", "inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "ended")
	c.Prints("again", "run", "--rm", "berth/hello", "echo", "again")
}

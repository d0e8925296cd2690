//go:build linux

package harness

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/client"
)

// Daemon is a berthd of a test, with its keeper and everything that is theirs.
type Daemon struct {
	Traces
	t    testing.TB
	args []string
	env  []string
	bin  string // where its programs are; "" for those under test

	mu     sync.Mutex
	daemon *running // nil while it is down
	images images
}

// running is one life of berthd.
type running struct {
	pid  int
	done chan struct{} // closed once it is reaped
	err  error         // how it ended; read after done
}

// Option changes how a daemon is started.
type Option func(*Daemon)

// WithArgs adds flags of berthd.
func WithArgs(args ...string) Option {
	return func(d *Daemon) { d.args = append(d.args, args...) }
}

// WithDataRoot puts the data root elsewhere. The directory is the caller's, and
// it must outlive the daemon.
func WithDataRoot(path string) Option { return func(d *Daemon) { d.data = path } }

// WithPrograms has the programs of another build run; see Use.
func WithPrograms(dir string) Option { return func(d *Daemon) { d.bin = dir } }

// Use has the next life of berthd, and a keeper that it starts, come from another
// directory; "" is the build under test.
func (d *Daemon) Use(dir string) { d.bin = dir }

func (d *Daemon) program(name string) string {
	if d.bin != "" {
		return filepath.Join(d.bin, name)
	}
	return Binary(d.t, name)
}

// Start starts a daemon of the test's own and waits for its first answer. When
// the test ends its containers are removed and it is stopped, and whatever
// stays behind on the host fails the test.
func Start(t testing.TB, opts ...Option) *Daemon {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("the integration tests start containers: they need root")
	}
	sweepStale()
	dir, err := os.MkdirTemp("/tmp", dirPrefix)
	if err != nil {
		t.Fatal(err)
	}
	d := &Daemon{t: t, Traces: Traces{Place{lane: takeLane(t), dir: dir, data: filepath.Join(dir, "data")}}}
	for _, o := range opts {
		o(d)
	}
	t.Cleanup(d.finish)
	owner := fmt.Sprintf("%d %d\n", os.Getpid(), d.lane.number)
	if err := errors.Join(os.MkdirAll(d.configDir(), 0o700), os.WriteFile(filepath.Join(dir, ownerFile), []byte(owner), 0o600)); err != nil {
		t.Fatal(err)
	}
	d.StartAgain()
	return d
}

// Pid is berthd's process ID; 0 while it is down.
func (d *Daemon) Pid() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.daemon == nil {
		return 0
	}
	return d.daemon.pid
}

// StartAgain starts berthd after Stop or Kill9, over the same roots.
func (d *Daemon) StartAgain() {
	d.t.Helper()
	if err := d.launch(); err != nil {
		d.t.Fatal(err)
	}
}

func (d *Daemon) launch() error {
	log, err := os.OpenFile(d.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	args := append([]string{
		"-H", "unix://" + d.Socket(), "--data-root", d.data, "--exec-root", d.ExecRoot(), "--no-docker-socket",
		"--bridge", d.lane.bridge(), "--bip", d.lane.bip(), "--cgroup-parent", "/" + d.lane.cgroup(), "--config-file", "/dev/null",
	}, d.args...)
	cmd := exec.Command(d.program("berthd"), args...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, "/"
	cmd.Env = append(os.Environ(), d.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	r := &running{done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		// The death signal follows the thread that forked: it must not be
		// one that the runtime ends before the test process.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		if err == nil {
			r.pid = cmd.Process.Pid
		}
		started <- err
		if err == nil {
			r.err = cmd.Wait()
		}
		close(r.done)
	}()
	if err := <-started; err != nil {
		return err
	}
	d.mu.Lock()
	d.daemon = r
	d.mu.Unlock()
	return d.await(r)
}

// await waits for the first answer.
func (d *Daemon) await(r *running) error {
	return within(Patience, func() error {
		select {
		case <-r.done:
			return fatal{fmt.Errorf("berthd ended at its start (%v):\n%s", r.err, d.Log())}
		default:
		}
		return d.ping()
	})
}

// API is the field's own API client, connected to the daemon.
func (d *Daemon) API() *client.Client {
	d.t.Helper()
	c, err := client.New(client.WithHost("unix://" + d.Socket()))
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { c.Close() })
	return c
}

// Stop ends berthd with SIGTERM and waits for it; containers run on.
func (d *Daemon) Stop() {
	d.t.Helper()
	if err := d.end(syscall.SIGTERM); err != nil {
		d.t.Fatalf("berthd did not end well at SIGTERM: %v", err)
	}
}

// Kill9 ends berthd with SIGKILL and waits until it is gone.
func (d *Daemon) Kill9() {
	d.t.Helper()
	var exit *exec.ExitError
	if err := d.end(syscall.SIGKILL); err != nil && !errors.As(err, &exit) {
		d.t.Fatal(err)
	}
}

// Restart stops berthd and starts it again.
func (d *Daemon) Restart() {
	d.t.Helper()
	d.Stop()
	d.StartAgain()
}

func (d *Daemon) end(sig syscall.Signal) error {
	d.mu.Lock()
	r := d.daemon
	d.daemon = nil
	d.mu.Unlock()
	if r == nil {
		return nil
	}
	if err := syscall.Kill(r.pid, sig); err != nil {
		return err
	}
	select {
	case <-r.done:
		return r.err
	case <-time.After(Patience):
		return errors.Join(fmt.Errorf("berthd (%d) does not end", r.pid), syscall.Kill(r.pid, syscall.SIGKILL))
	}
}

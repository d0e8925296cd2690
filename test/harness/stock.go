//go:build linux

package harness

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Stock is Debian's docker.io, started for a test to compare with. It lives in
// namespaces of its own, so that nothing of it stays when it is killed, and its
// network ends at itself.
type Stock struct {
	Traces
	process *running
}

// stockPackages are what dockerd needs to run containers. They are unpacked
// below .cache and never installed: the system's own clients and runtimes stay
// as they are.
func stockPackages() []string { return []string{"docker.io", "containerd", "runc"} }

// StartStock starts a dockerd and waits for its first answer. Where docker.io
// cannot be had, the test is skipped.
func StartStock(t testing.TB) *Stock {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("the integration tests start containers: they need root")
	}
	root := stockRoot(t)
	sweepStale()
	dir, err := os.MkdirTemp("/tmp", dirPrefix)
	if err != nil {
		t.Fatal(err)
	}
	d := &Stock{Traces: Traces{Place{lane: takeLane(t), dir: dir, data: filepath.Join(dir, "data")}}}
	t.Cleanup(func() { d.finish(t) })
	owner := fmt.Sprintf("%d %d\n", os.Getpid(), d.lane.number)
	if err := errors.Join(os.MkdirAll(d.configDir(), 0o700), os.WriteFile(filepath.Join(dir, ownerFile), []byte(owner), 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := d.launch(root); err != nil {
		t.Fatal(err)
	}
	err = within(Patience, func() error {
		select {
		case <-d.process.done:
			return fatal{fmt.Errorf("dockerd ended at its start (%v):\n%s", d.process.err, d.Log())}
		default:
		}
		return d.ping()
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *Stock) launch(root string) error {
	log, err := os.Create(d.logPath())
	if err != nil {
		return err
	}
	defer log.Close()
	path := fmt.Sprintf("PATH=%[1]s/usr/sbin:%[1]s/usr/bin:/usr/sbin:/usr/bin:/sbin:/bin", root)
	line := []string{
		"exec", "dockerd", "-H", "unix://" + d.Socket(), "-G", "root", "--data-root", d.data, "--exec-root", d.ExecRoot(),
		"--pidfile", filepath.Join(d.dir, "pid"), "--cgroup-parent", "/" + d.CgroupParent(), "--bip", d.lane.bip(),
		"--iptables=false", "--ip6tables=false", "--userland-proxy=false", "--storage-driver", "overlay2",
	}
	cmd := exec.Command("/bin/sh", "-c", "mount -t proc proc /proc && ip link set lo up && mkdir -p /run/docker/plugins "+d.Plugins()+" && mount --bind "+d.Plugins()+" /run/docker/plugins && "+strings.Join(line, " "))
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.Dir = []string{path}, log, log, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setsid: true, Pdeathsig: syscall.SIGKILL,
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWPID | unix.CLONE_NEWIPC,
		// What is mounted here must not show outside.
		Unshareflags: unix.CLONE_NEWNS,
	}
	d.process = &running{done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		// The death signal follows the thread that forked.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		if err == nil {
			d.process.pid = cmd.Process.Pid
		}
		started <- err
		if err == nil {
			d.process.err = cmd.Wait()
		}
		close(d.process.done)
	}()
	return <-started
}

// Plugins is the directory for the sockets of its plugins.
func (d *Stock) Plugins() string { return filepath.Join(d.dir, "plugins") }

// finish ends dockerd, and with it all of its namespaces' processes.
func (d *Stock) finish(t testing.TB) {
	if d.process != nil && d.process.pid != 0 {
		_ = unix.Kill(d.process.pid, unix.SIGTERM)
		if !closedWithin(d.process.done) {
			_ = unix.Kill(d.process.pid, unix.SIGKILL)
			<-d.process.done
		}
	}
	if err := d.sweep(); err != nil {
		t.Errorf("remove dockerd's directory: %v", err)
	}
	d.lane.free()
}

// stockRoot is the directory with the unpacked packages; test processes that
// need it at the same time make it once.
func stockRoot(t testing.TB) string {
	t.Helper()
	cache := filepath.Join(Root(), ".cache", "docker")
	root := filepath.Join(cache, "root")
	if err := os.MkdirAll(filepath.Join(cache, "debs"), 0o755); err != nil {
		t.Fatal(err)
	}
	lock, err := os.OpenFile(filepath.Join(cache, "lock"), os.O_CREATE|os.O_RDWR|unix.O_CLOEXEC, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close() // and with it the lock
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	mark := filepath.Join(cache, "complete")
	if _, err := os.Stat(mark); err == nil {
		return root
	}
	// As root, apt insists on telling that it could not drop privileges.
	download := exec.Command("apt-get", append([]string{"download", "-q", "-o", "APT::Sandbox::User=root"}, stockPackages()...)...)
	download.Dir = filepath.Join(cache, "debs")
	if out, err := download.CombinedOutput(); err != nil {
		t.Skipf("docker.io cannot be had to compare with: %v\n%s", err, out)
	}
	debs, err := filepath.Glob(filepath.Join(download.Dir, "*.deb"))
	if err != nil {
		t.Fatal(err)
	}
	for _, deb := range debs {
		if out, err := exec.Command("dpkg-deb", "-x", deb, root).CombinedOutput(); err != nil {
			t.Fatalf("unpack %s: %v\n%s", deb, err, out)
		}
	}
	if err := os.WriteFile(mark, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return root
}

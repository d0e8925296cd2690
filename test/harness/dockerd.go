//go:build linux

package harness

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/vishvananda/netns"
)

// Dockerd is the distribution's Docker daemon, with which ours is compared. It has a
// network of its own, so that nothing on the host meets it.
type Dockerd struct {
	Place
	t    testing.TB
	cmd  *exec.Cmd
	done chan struct{} // closed once it is reaped
}

// StartDockerd starts one for the rest of the test, which is skipped where there is none.
func StartDockerd(t testing.TB) *Dockerd {
	t.Helper()
	if _, err := exec.LookPath("dockerd"); err != nil {
		t.Skip("there is no dockerd to compare with: install docker.io (its daemon need not run)")
	}
	sweepStale()
	dir, err := os.MkdirTemp("/tmp", dirPrefix)
	if err != nil {
		t.Fatal(err)
	}
	d := &Dockerd{Place: Place{lane: takeLane(t), dir: dir, data: filepath.Join(dir, "data")}, t: t, done: make(chan struct{})}
	d.launch()
	t.Cleanup(d.finish)
	if err := within(Patience, func() error {
		select {
		case <-d.done:
			return fatal{errors.New("dockerd ended at its start")}
		default:
		}
		return d.ping()
	}); err != nil {
		log, _ := os.ReadFile(d.logPath())
		t.Fatalf("%v:\n%s", err, log)
	}
	answer, err := d.post("/images/create?fromSrc=-&repo=busybox", "application/x-tar", bytes.NewReader(BusyboxTar(t)))
	if err != nil || !strings.Contains(answer, "sha256:") {
		t.Fatalf("import busybox into Docker: %v %s", err, answer)
	}
	return d
}

func (d *Dockerd) launch() {
	d.t.Helper()
	log, err := os.Create(d.logPath())
	if err != nil {
		d.t.Fatal(err)
	}
	defer log.Close()
	config := filepath.Join(d.dir, "daemon.json")
	if err := os.WriteFile(config, []byte("{}"), 0o600); err != nil {
		d.t.Fatal(err)
	}
	d.cmd = exec.Command("sh", "-c", `ip link set lo up && exec dockerd "$@"`, "dockerd",
		"-H", "unix://"+d.Socket(), "-G", "root", "--data-root", d.data, "--exec-root", d.ExecRoot(), "--pidfile", filepath.Join(d.dir, "pid"),
		"--iptables=false", "--ip6tables=false", "--ip-masq=false", "--bip", d.lane.bip(), "--cgroup-parent", "/"+d.lane.cgroup(), "--config-file", config)
	d.cmd.Stdout, d.cmd.Stderr, d.cmd.Dir = log, log, "/"
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGTERM, Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // the death signal follows the thread
		defer runtime.UnlockOSThread()
		err := d.cmd.Start()
		started <- err
		if err == nil {
			_ = d.cmd.Wait() // how it ended is of no interest
		}
		close(d.done)
	}()
	if err := <-started; err != nil {
		d.t.Fatal(err)
	}
}

// finish removes the containers and everything that is the daemon's.
func (d *Dockerd) finish() {
	select {
	case <-d.done:
	default:
		if err := d.removeAll(); err != nil {
			d.t.Errorf("remove Docker's containers: %v", err)
		}
		_ = d.cmd.Process.Signal(syscall.SIGTERM)
		<-d.done
	}
	groups, _ := filepath.Glob("/sys/fs/cgroup/*/" + d.lane.cgroup())
	for _, dir := range append(groups, "/sys/fs/cgroup/"+d.lane.cgroup()) {
		if err := os.Remove(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
			d.t.Errorf("%v", err)
		}
	}
	if err := os.RemoveAll(d.dir); err != nil {
		d.t.Errorf("%v", err)
	}
	d.lane.free()
}

// Pid is the daemon's process ID.
func (d *Dockerd) Pid() int { return d.cmd.Process.Pid }

// Inside runs fn on a thread in the daemon's network: a socket that it makes is there.
func (d *Dockerd) Inside(fn func() error) error {
	return onThread(func() error {
		ns, err := netns.GetFromPid(d.cmd.Process.Pid)
		if err != nil {
			return err
		}
		defer ns.Close()
		if err := netns.Set(ns); err != nil {
			return err
		}
		return fn()
	})
}

func (d *Dockerd) post(path, kind string, body io.Reader) (string, error) {
	resp, err := d.HTTP().Post("http://docker"+path, kind, body)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return string(b), err
}

// Client is the stock client, connected to this daemon.
func (d *Dockerd) Client(t testing.TB) Client {
	t.Helper()
	return Client{Name: "docker", T: t, path: Tool(t, "docker"), env: []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + d.configDir(), "DOCKER_CONFIG=" + d.configDir(), "DOCKER_HOST=unix://" + d.Socket(),
		"DOCKER_CLI_HINTS=false", "TERM=xterm",
	}}
}

// Answer is what a daemon answered to a request.
type Answer struct {
	Status int
	Body   string
}

// Ask sends a request with a JSON body, or with none for "".
func (d Place) Ask(t testing.TB, method, path, body string) Answer {
	t.Helper()
	header := http.Header{}
	if body != "" {
		header.Set("Content-Type", "application/json")
	}
	return d.ask(t, method, path, header, body)
}

// AskWith sends a request with headers and without a body.
func (d Place) AskWith(t testing.TB, method, path string, header http.Header) Answer {
	t.Helper()
	return d.ask(t, method, path, header, "")
}

func (d Place) ask(t testing.TB, method, path string, header http.Header, body string) Answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://engine"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header
	resp, err := d.HTTP().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return Answer{Status: resp.StatusCode, Body: strings.TrimSpace(string(b))}
}

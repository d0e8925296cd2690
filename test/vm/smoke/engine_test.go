//go:build linux

// Package smoke runs the engine as a user does, on a host with cgroup v2: the
// test machine. It changes the host's settings and needs the machine's disk, so
// that it runs nowhere else.
package smoke

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const patience = time.Minute

// engine is a daemon with its roots at their default places, as a package
// installs it, and a client.
type engine struct {
	*testing.T
	daemon *exec.Cmd
	log    string
}

func start(t *testing.T) *engine {
	t.Helper()
	if os.Getenv("BERTH_TEST_VM") == "" {
		t.Skip("this is for the test machine: make test-vm")
	}
	e := &engine{T: t, log: filepath.Join(t.TempDir(), "berthd.log")}
	e.begin()
	t.Cleanup(func() {
		e.T = t // not that of a part, which has ended
		e.end(syscall.SIGTERM)
		e.leavesNothing()
		if text, err := os.ReadFile(e.log); t.Failed() {
			t.Logf("berthd's log (%v):\n%s", err, text)
		}
	})
	tarball := filepath.Join(t.TempDir(), "busybox.tar")
	if err := os.WriteFile(tarball, busyboxImage(t), 0o644); err != nil {
		t.Fatal(err)
	}
	e.ok("import", "-c", `CMD ["sh"]`, tarball, "busybox")
	return e
}

// begin starts the daemon and waits for its first answer.
func (e *engine) begin() {
	e.Helper()
	log, err := os.OpenFile(e.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		e.Fatal(err)
	}
	defer log.Close()
	e.daemon = exec.Command("/bin/berthd")
	e.daemon.Stdout, e.daemon.Stderr = log, log
	if err := e.daemon.Start(); err != nil {
		e.Fatal(err)
	}
	e.until("berthd listens", func() bool {
		c, err := net.Dial("unix", "/run/berth/berth.sock")
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	e.ok("version")
}

func (e *engine) end(sig syscall.Signal) {
	e.Helper()
	if err := e.daemon.Process.Signal(sig); err != nil {
		e.Fatal(err)
	}
	var exit *exec.ExitError
	if err := e.daemon.Wait(); err != nil && !(errors.As(err, &exit) && sig == syscall.SIGKILL) {
		e.Errorf("berthd ended at %s: %v", sig, err)
	}
}

// leavesNothing waits for the keeper, which leaves by itself, and takes away
// what a daemon leaves where the next one finds it.
func (e *engine) leavesNothing() {
	e.Helper()
	e.until("the keeper leaves", func() bool {
		_, err := os.Stat("/run/berth/keeper.sock")
		return errors.Is(err, fs.ErrNotExist)
	})
	err := filepath.WalkDir("/run/berth", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && filepath.Base(path) != "keeper.lock" && filepath.Base(path) != "keeper.log" {
			e.Errorf("%s stays behind", path)
		}
		return err
	})
	if err := errors.Join(err, os.RemoveAll("/run/berth")); err != nil {
		e.Error(err)
	}
}

// until waits for what must come true.
func (e *engine) until(what string, true func() bool) {
	e.Helper()
	for deadline := time.Now().Add(patience); !true(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			e.Fatalf("in vain: %s", what)
		}
	}
}

// run runs the client and returns what it printed on both outputs.
func (e *engine) run(args ...string) (output string, code int) {
	e.Helper()
	cmd := exec.Command("/bin/berth", args...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		e.Fatal(err)
	}
	return strings.TrimSpace(string(out)), cmd.ProcessState.ExitCode()
}

// ok runs a command that has to succeed.
func (e *engine) ok(args ...string) string {
	e.Helper()
	out, code := e.run(args...)
	if code != 0 {
		e.Fatalf("berth %s: exit code %d\n%s", strings.Join(args, " "), code, out)
	}
	return out
}

// prints runs a command that has to succeed and to print exactly this.
func (e *engine) prints(want string, args ...string) {
	e.Helper()
	if got := e.ok(args...); got != want {
		e.Errorf("berth %s printed\n%s\nwant\n%s", strings.Join(args, " "), got, want)
	}
}

// sh is a command line that runs a script in a new container.
func sh(script string, options ...string) []string {
	return append(append([]string{"run", "--rm"}, options...), "busybox", "sh", "-c", script)
}

// busyboxImage is the tree of an image that has busybox and nothing else.
func busyboxImage(t *testing.T) []byte {
	t.Helper()
	data, err := os.ReadFile("/bin/busybox")
	if err != nil {
		t.Fatal(err)
	}
	applets, err := exec.Command("/bin/busybox", "--list").Output()
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	add := func(h tar.Header, body []byte) {
		h.Size = int64(len(body))
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(w, bytes.NewReader(body)); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"bin/", "etc/", "tmp/"} {
		add(tar.Header{Typeflag: tar.TypeDir, Name: dir, Mode: 0o755}, nil)
	}
	add(tar.Header{Typeflag: tar.TypeReg, Name: "bin/busybox", Mode: 0o755}, data)
	for _, name := range strings.Fields(string(applets)) {
		if name != "busybox" {
			add(tar.Header{Typeflag: tar.TypeSymlink, Name: "bin/" + name, Linkname: "busybox", Mode: 0o777}, nil)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

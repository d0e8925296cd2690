//go:build linux

package yardstick

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"berth/test/harness"
)

// TestContainerdRunsItsTasks: containerd's runc shim with our program in place of runc.
func TestContainerdRunsItsTasks(t *testing.T) {
	needRoot(t)
	r := ours(t)
	dir, root := t.TempDir(), rootOf(t)
	socket := filepath.Join(dir, "s")
	conf := fmt.Sprintf("version = 2\nroot = %q\nstate = %q\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\naddress = %q\n[ttrpc]\naddress = %q\n",
		filepath.Join(dir, "root"), filepath.Join(dir, "state"), socket, socket+".ttrpc")
	if err := os.WriteFile(filepath.Join(dir, "config.toml"), []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	daemon := r.command(t.Context(), harness.Tool(t, "containerd"), "-c", filepath.Join(dir, "config.toml"))
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = daemon.Process.Signal(unix.SIGTERM)
		_ = daemon.Wait()
	}()
	harness.Eventually(t, "containerd's socket", func() error { _, err := os.Stat(socket); return err })
	namespace := filepath.Base(group())
	t.Cleanup(func() { removeGroup("/" + namespace) })
	c := &session{t: t, oci: r, base: []string{harness.Tool(t, "ctr"), "-a", socket, "-n", namespace}}
	run := func(args ...string) []string {
		return append([]string{"run", "--runc-binary", r.path, "--runc-root", filepath.Join(dir, "runc"), "--rootfs"}, args...)
	}
	c.says(3, "hello", run("--rm", root, "a", "/bin/sh", "-c", "echo hello; exit 3")...)
	c.says(0, "", run("-d", "--null-io", root, "b", "/bin/sleep", "1000")...)
	c.says(4, "inside", "task", "exec", "--exec-id", "e", "b", "/bin/sh", "-c", "echo inside; exit 4")
	c.says(0, "", "task", "pause", "b")
	c.says(0, "PAUSED", "task", "ls")
	c.says(0, "", "task", "resume", "b")
	c.says(0, "memory", "task", "metrics", "b")
	c.says(0, "PID", "task", "ps", "b")
	c.says(0, "", "task", "kill", "-s", "KILL", "b")
	harness.Eventually(t, "the task's end", func() error {
		if out, code := c.do("task", "ls"); code != 0 || !strings.Contains(out, "STOPPED") {
			return fmt.Errorf("%d %s", code, out)
		}
		return nil
	})
	c.do("task", "delete", "b") // ends with the task's own code
	c.says(0, "", "container", "delete", "b")
	if out, _ := c.do("container", "ls", "-q"); out != "" {
		t.Errorf("containers are left: %s", out)
	}
}

//go:build linux

// Package yardstick measures berth-runtime with what others wrote: the
// validation programs of the OCI, other people's runtimes on the same bundles,
// and engines that were made for those.
package yardstick

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"berth/test/harness"
	"berth/test/yardstick/bundle"
)

// patience is how long one run of a container may take.
const patience = 60 * time.Second

// oci is a runtime: ours or one of the distribution's.
type oci struct{ name, path string }

func ours(t testing.TB) oci { return oci{"berth-runtime", harness.Binary(t, "berth-runtime")} }
func runc(t testing.TB) oci { return oci{"runc", harness.Tool(t, "runc")} }
func crun(t testing.TB) oci { return oci{"crun", harness.Tool(t, "crun")} }

func needRoot(t testing.TB) {
	t.Helper()
	if _, err := os.Stat(bundle.Busybox); err != nil || os.Getuid() != 0 {
		t.Skip("needs root and busybox-static")
	}
}

// command runs a program in a mount namespace of its own. The cgroup2 tree
// beside cgroup v1 is hidden from crun, which refuses to run where that tree
// has a controller.
func (r oci) command(ctx context.Context, args ...string) *exec.Cmd {
	script := `exec "$@"`
	if r.name == "crun" {
		script = "umount -l /sys/fs/cgroup/unified 2>/dev/null; " + script
	}
	cmd := exec.CommandContext(ctx, "/bin/sh", append([]string{"-c", script, "sh"}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	cmd.WaitDelay = time.Second // a child that a container leaves behind may hold the pipe
	return cmd
}

// group is the control group of this test process's containers, and of no others.
func group() string { return fmt.Sprintf("/berth-yardstick-%d", os.Getpid()) }

// removeGroup takes away an empty group of every hierarchy, with what is in it.
func removeGroup(name string) {
	for _, pattern := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/*"} {
		dirs, err := filepath.Glob(pattern + name)
		if err != nil {
			continue
		}
		for _, dir := range dirs {
			removeTree(dir)
		}
	}
}

func removeTree(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, entry := range entries {
		if entry.IsDir() {
			removeTree(filepath.Join(dir, entry.Name()))
		}
	}
	_ = os.Remove(dir) // one that holds processes stays, and the test that left them says so
}

// run makes the bundle of a case and runs it to its end.
func (r oci) run(t *testing.T, c bundle.Case) (result bundle.Result, made *bundle.Bundle, said string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), r.name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{filepath.Dir(dir), filepath.Dir(filepath.Dir(dir))} { // users of a user namespace pass here
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	edit := c.Edit
	c.Edit = func(b *bundle.Bundle) {
		b.Spec.Linux.CgroupsPath = group() + "/" + r.name + "-" + c.Name
		if edit != nil {
			edit(b)
		}
	}
	b, err := c.Make(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	args := append([]string{r.path, "--root", filepath.Join(t.TempDir(), "state"), "run"}, c.Flags...)
	cmd := r.command(ctx, append(args, "--bundle", b.Dir, fmt.Sprintf("y%d-%s-%s", os.Getpid(), r.name, c.Name))...)
	cmd.Dir = b.Dir
	for i := range 2 * min(len(c.Flags), 1) { // of --preserve-fds
		cmd.ExtraFiles = append(cmd.ExtraFiles, filled(t, fmt.Sprintf("descriptor %d\n", i)))
	}
	var out string
	out, said, err = output(t, cmd, c.Tty)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", r.name, err)
	}
	return bundle.Result{Code: cmd.ProcessState.ExitCode(), Out: out}, b, said
}

// filled is the reading end of a pipe that has some text in it.
func filled(t *testing.T, text string) *os.File {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer write.Close()
	t.Cleanup(func() { read.Close() })
	if _, err := io.WriteString(write, text); err != nil {
		t.Fatal(err)
	}
	return read
}

// output runs a command, on a terminal if that is wanted.
func output(t *testing.T, cmd *exec.Cmd, tty bool) (out, said string, err error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if !tty {
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader("from stdin\n"), &stdout, &stderr
		err = cmd.Run()
		return stdout.String(), stderr.String(), err
	}
	master, slave, err := harness.OpenPty()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, &stderr
	cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Setctty = true, true
	if err = cmd.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	_, _ = io.Copy(&stdout, master) // EIO once nobody has the other end
	err = cmd.Wait()
	return stdout.String(), stderr.String(), err
}

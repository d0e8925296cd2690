//go:build linux

// Package oci tests berth-runtime as engines use it: by its command line, on
// bundles made from busybox.
package oci

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/test/harness"
)

const busybox = "/bin/busybox"

// bundle is a bundle and the state directory of its containers.
type bundle struct {
	t      testing.TB
	dir    string
	root   string // --root
	binary string
	flags  []string // the runtime's own, before --root
	spec   *specs.Spec
}

// newBundle makes a bundle whose process runs a script. Whatever a test leaves
// of its containers fails it.
func newBundle(t testing.TB, script string) *bundle {
	t.Helper()
	if _, err := os.Stat(busybox); err != nil || os.Getuid() != 0 {
		t.Skip("needs root and busybox-static")
	}
	b := &bundle{t: t, dir: t.TempDir(), root: t.TempDir(), binary: harness.Binary(t, "berth-runtime")}
	for _, dir := range []string{b.dir, filepath.Dir(b.dir)} { // users of a user namespace pass here
		b.must(os.Chmod(dir, 0o755))
	}
	for _, dir := range []string{"bin", "proc", "sys", "dev", "tmp", "data", "etc"} {
		b.must(os.MkdirAll(b.path("rootfs", dir), 0o755))
	}
	data, err := os.ReadFile(busybox)
	b.must(err)
	b.must(os.WriteFile(b.path("rootfs/bin/busybox"), data, 0o755))
	for _, name := range []string{"sh", "cat", "id", "sleep", "ls", "touch", "stat", "tty", "pwd", "mkdir", "readlink", "mount", "grep"} {
		b.must(os.Symlink("busybox", b.path("rootfs/bin", name)))
	}
	if out, code := b.do("spec", "--bundle", b.dir); code != 0 {
		t.Fatal(out)
	}
	config, err := os.ReadFile(b.path("config.json"))
	b.must(err)
	b.must(json.Unmarshal(config, &b.spec))
	b.spec.Process.Terminal = false
	b.spec.Root.Readonly = false
	b.spec.Process.Args = []string{"sh", "-c", script}
	b.spec.Linux.CgroupsPath = "/berth-oci-test-" + filepath.Base(b.root) + "-" + filepath.Base(filepath.Dir(b.root))
	t.Cleanup(b.leavesNothing)
	return b
}

func (b *bundle) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bundle) path(parts ...string) string {
	return filepath.Join(append([]string{b.dir}, parts...)...)
}

// save writes the config.json.
func (b *bundle) save() *bundle {
	b.t.Helper()
	data, err := json.Marshal(b.spec)
	b.must(err)
	b.must(os.WriteFile(b.path("config.json"), data, 0o644))
	return b
}

// command is a command line of the runtime's that has not been started.
func (b *bundle) command(args ...string) *exec.Cmd {
	return exec.Command(b.binary, slices.Concat(b.flags, []string{"--root", b.root}, args)...)
}

// do runs a command and gives what it wrote and its exit code.
func (b *bundle) do(args ...string) (string, int) {
	b.t.Helper()
	cmd := b.command(args...)
	file, err := os.CreateTemp(b.t.TempDir(), "out") // not a pipe: a container that lives on has it too
	b.must(err)
	defer file.Close()
	cmd.Stdout, cmd.Stderr = file, file
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		b.t.Fatal(err)
	}
	out, err := os.ReadFile(file.Name())
	b.must(err)
	return string(out), cmd.ProcessState.ExitCode()
}

// ok is do for a command that must succeed.
func (b *bundle) ok(args ...string) string {
	b.t.Helper()
	out, code := b.do(args...)
	if code != 0 {
		b.t.Fatalf("%v: exit code %d: %s", args, code, out)
	}
	return out
}

// refused is do for a command that must fail with a text.
func (b *bundle) refused(text string, args ...string) {
	b.t.Helper()
	out, code := b.do(args...)
	if code == 0 || !strings.Contains(out, text) {
		b.t.Errorf("%v: exit code %d: %s\nwanted: %s", args, code, out, text)
	}
}

// state is what the runtime says of a container.
func (b *bundle) state(id string) (s specs.State) {
	b.t.Helper()
	b.must(json.Unmarshal([]byte(b.ok("state", id)), &s))
	return s
}

// leavesNothing removes what a failed test has left, and says what there is.
func (b *bundle) leavesNothing() {
	for _, id := range strings.Fields(b.ok("list", "-q")) {
		b.t.Errorf("the container %s is left", id)
		b.ok("delete", "--force", id)
	}
	if entries, err := os.ReadDir(b.root); err != nil || len(entries) > 0 {
		b.t.Errorf("left in the state directory: %v %v", entries, err)
	}
	groups, err := filepath.Glob("/sys/fs/cgroup/*" + b.spec.Linux.CgroupsPath)
	b.must(err)
	if _, err := os.Stat("/sys/fs/cgroup" + b.spec.Linux.CgroupsPath); err == nil {
		groups = append(groups, b.spec.Linux.CgroupsPath)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	b.must(err)
	if len(groups) > 0 || bytes.Contains(mounts, []byte(b.dir)) {
		b.t.Errorf("left: %v; mounts of the bundle: %t", groups, bytes.Contains(mounts, []byte(b.dir)))
	}
}

//go:build linux

package yardstick

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"berth/test/harness"
	"berth/test/yardstick/bundle"
)

// session runs commands of an engine, and keeps what they say.
type session struct {
	t    *testing.T
	oci  oci
	base []string
	env  []string
}

func (s *session) do(args ...string) (string, int) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	cmd := s.oci.command(ctx, append(append([]string{}, s.base...), args...)...)
	cmd.Env = append(os.Environ(), s.env...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		s.t.Fatalf("%s: %v", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(strings.ReplaceAll(string(out), "\r", "")), cmd.ProcessState.ExitCode()
}

// says runs a command that must end with a code and say a text.
func (s *session) says(code int, text string, args ...string) {
	s.t.Helper()
	out, got := s.do(args...)
	if got != code || !strings.Contains(out, text) {
		s.t.Errorf("%s: %d %q, not %d and %q", strings.Join(args, " "), got, out, code, text)
	}
}

// newPodman is podman with a runtime and places of its own.
func newPodman(t *testing.T, r oci) *session {
	t.Helper()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	conf := fmt.Sprintf("[containers]\ndefault_ulimits = []\n[network]\nnetwork_backend = \"cni\"\nnetwork_config_dir = %q\n[engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n", at("net"))
	storage := fmt.Sprintf("[storage]\ndriver = \"vfs\"\ngraphroot = %q\nrunroot = %q\n", at("data"), at("run"))
	for name, text := range map[string]string{"containers.conf": conf, "storage.conf": storage} {
		if err := os.WriteFile(at(name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return &session{t: t, oci: r,
		base: []string{harness.Tool(t, "podman"), "--root", at("data"), "--runroot", at("run"), "--tmpdir", at("tmp"), "--runtime", r.path},
		env:  []string{"CONTAINERS_CONF=" + at("containers.conf"), "CONTAINERS_STORAGE_CONF=" + at("storage.conf")}}
}

// TestPodmanRunsItsContainers: what podman asks of a runtime is answered.
func TestPodmanRunsItsContainers(t *testing.T) {
	needRoot(t)
	p := newPodman(t, ours(t))
	archive := filepath.Join(t.TempDir(), "busybox.tar")
	root := rootOf(t)
	if out, err := exec.CommandContext(t.Context(), "tar", "-C", root, "-cf", archive, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	p.says(0, "sha256:", "import", archive, "yard:latest")
	parent := group() + "-podman"
	t.Cleanup(func() { removeGroup(parent) })
	run := func(args ...string) []string {
		return append([]string{"run", "--cgroup-parent", parent, "--ulimit", "host", "--network", "none"}, args...)
	}
	p.says(3, "hello", run("--rm", "yard", "sh", "-c", "echo hello; exit 3")...)
	p.says(0, "/dev/pts/0", run("--rm", "-t", "yard", "tty")...)
	p.says(127, "not found", run("--rm", "yard", "nosuchprogram")...)
	p.says(0, "1000", run("--rm", "--user", "1000", "--read-only", "--memory", "64m", "yard", "id", "-u")...)
	p.says(0, "", run("-d", "--name", "a", "--init=false", "--health-cmd", "echo healthy", "--health-interval", "disable", "yard", "sleep", "1000")...)
	defer p.do("rm", "-f", "-t", "0", "a")
	p.says(4, "inside", "exec", "a", "sh", "-c", "echo inside; exit 4")
	p.says(0, "/dev/pts/0", "exec", "-t", "a", "tty")
	p.says(0, "", "healthcheck", "run", "a")
	p.says(0, "", "pause", "a")
	p.says(0, "paused", "inspect", "--format", "{{.State.Status}}", "a")
	p.says(0, "", "unpause", "a")
	p.says(0, "a", "stats", "--no-stream", "--format", "{{.Name}} {{.PIDs}}", "a")
	p.says(0, "sleep", "top", "a", "args")
	p.says(0, "", "exec", "a", "touch", "/committed")
	p.says(0, "", "commit", "-q", "a", "yard2")
	p.says(0, "/committed", run("--rm", "yard2", "ls", "-d", "/committed")...)
	p.says(0, "", "kill", "a")
	p.says(0, "137", "wait", "a")
	p.says(0, "", "rm", "-f", "a")
	p.says(0, "", "pod", "create", "--infra=false", "--cgroup-parent", parent, "--name", "p")
	p.says(0, "in the pod", run("--rm", "--pod", "p", "yard", "sh", "-c", "echo in the pod")...)
	p.says(0, "", "pod", "rm", "-f", "p")
	if out, _ := p.do("ps", "-aq"); out != "" {
		t.Errorf("containers are left: %s", out)
	}
}

// rootOf is a root file system of busybox.
func rootOf(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "b")
	b, err := bundle.Case{}.Make(dir)
	if err != nil {
		t.Fatal(err)
	}
	return b.Root()
}

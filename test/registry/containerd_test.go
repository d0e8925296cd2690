//go:build linux

package registry

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"berth/test/harness"
)

func TestContainerdsClientPushesAndPulls(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "bc") // sockets take no long paths
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "c.sock")
	daemon := exec.Command(harness.Tool(t, "containerd"), "--root", dir+"/root", "--state", dir+"/state", "--address", socket, "--config", "/dev/null")
	var said lines
	daemon.Stdout, daemon.Stderr = &said, &said
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = daemon.Process.Signal(syscall.SIGTERM)
		_ = daemon.Wait()
	})
	ctr := func(args ...string) (string, error) {
		return try(t, "ctr", append([]string{"--address", socket}, args...)...)
	}
	wait(t, "containerd answers", func() bool { _, err := ctr("version"); return err == nil })
	s := start(t, "--tokens", "--htpasswd", htpasswd(t, "ci"))
	name := s.addr + "/by/ctr:1"
	archive := filepath.Join(dir, "busybox.tar")
	if err := os.WriteFile(archive, harness.DockerArchive(t, name, harness.BusyboxTar(t), "sh"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"images", "import", "--no-unpack", archive},
		{"images", "push", "--plain-http", "--user", "ci:secret", name},
		{"images", "rm", name},
		{"content", "fetch", "--plain-http", "--user", "ci:secret", name},
	} {
		if out, err := ctr(args...); err != nil {
			t.Fatalf("ctr %s: %v\n%s\n%s", strings.Join(args, " "), err, out, said.String())
		}
	}
	if out, err := ctr("content", "fetch", "--plain-http", name); err == nil {
		t.Errorf("nobody in particular pulled: %s", out)
	}
}

//go:build linux

package registry

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"berth/test/harness"
)

func TestAReadOnlyRegistryServesADirectoryOnAReadOnlyFileSystem(t *testing.T) {
	unshare := harness.Tool(t, "unshare")
	s := start(t)
	p := pushed{"a", "1", "content"}
	if !pushImage(s, p) {
		t.Fatal("the push failed")
	}
	s.end(syscall.SIGTERM)
	s.args = []string{"--read-only"}
	s.in = []string{unshare, "-m", "sh", "-c", `mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"`, s.data}
	s.launch()
	base := "http://" + s.addr
	if a := ask(t, "GET", base+"/v2/a/manifests/1", ""); a.status != 200 || a.body != imageOf(p.content) {
		t.Errorf("%d %s", a.status, a.body)
	}
	for range 2 {
		if a := ask(t, "GET", base+"/v2/a/blobs/"+digestOf(p.content), ""); a.status != 200 || a.body != p.content {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	if a := ask(t, "GET", base+"/healthz", ""); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := ask(t, "POST", base+"/v2/a/blobs/uploads/", ""); a.status != 405 || !strings.Contains(a.body, "read-only") {
		t.Errorf("a push: %d %s", a.status, a.body)
	}
}

func TestTheAccessLogIsOpenedAgainOnAHangup(t *testing.T) {
	log := filepath.Join(t.TempDir(), "access")
	s := start(t, "--access-log", log)
	read := func(name string) string {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	ask(t, "GET", "http://"+s.addr+"/v2/before/tags/list", "")
	wait(t, "the request is in the log", func() bool { return strings.Contains(read(log), "/v2/before/") })
	if err := os.Rename(log, log+".1"); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	wait(t, "the log is opened again", func() bool { return strings.Contains(s.log.String(), "was read again") })
	ask(t, "GET", "http://"+s.addr+"/v2/after/tags/list", "")
	wait(t, "the next request is in the new file", func() bool { return strings.Contains(read(log), "/v2/after/") })
	if old := read(log + ".1"); strings.Contains(old, "/v2/after/") || !strings.Contains(old, "/v2/before/") {
		t.Errorf("the old file has %q", old)
	}
}

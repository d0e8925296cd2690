//go:build linux

package harness

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Registry is the distribution's registry, over a directory of the test.
type Registry struct {
	Host string // localhost:5000
	Root string // where it keeps everything
}

// StartRegistry starts one on a port of this host. The test is skipped where there is none.
func StartRegistry(t testing.TB, port int, root string) Registry {
	t.Helper()
	r := Registry{Host: net.JoinHostPort("localhost", strconv.Itoa(port)), Root: root}
	r.serve(t, port, nil)
	if err := within(Patience, func() error {
		resp, err := http.Get("http://" + r.Host + "/v2/")
		if err == nil {
			resp.Body.Close()
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return r
}

// Registry starts one that only this daemon reaches, under the same name for it.
func (d *Dockerd) Registry(t testing.TB, port int, root string) Registry {
	t.Helper()
	r := Registry{Host: net.JoinHostPort("localhost", strconv.Itoa(port)), Root: root}
	r.serve(t, port, []string{"nsenter", "-t", strconv.Itoa(d.cmd.Process.Pid), "-n", "--"})
	if err := within(Patience, func() error {
		if answer := d.Ask(t, "GET", "/distribution/"+r.Host+"/x/json", ""); strings.Contains(answer.Body, "refused") {
			return fmt.Errorf("%s", answer.Body)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r Registry) serve(t testing.TB, port int, within []string) {
	t.Helper()
	program := Tool(t, "docker-registry")
	config := filepath.Join(t.TempDir(), "config.yml")
	text := fmt.Sprintf("version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: 'localhost:%d'}\n", r.Root, port)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	args := append(within, program, "serve", config)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // nsenter executes it, so it is the same process
		_ = cmd.Wait()
	})
}

//go:build linux

package harness

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// VolumePlugin is a process of test/volumeplugin.
type VolumePlugin struct {
	Root string // see there
	t    testing.TB
	bin  string
	cmd  *exec.Cmd
}

// StartVolumePlugin starts a volume driver that listens at a socket.
func StartVolumePlugin(t testing.TB, socket string) *VolumePlugin {
	t.Helper()
	p := &VolumePlugin{t: t, Root: t.TempDir()}
	p.bin = filepath.Join(p.Root, "plugin")
	build := exec.Command("go", "build", "-o", p.bin, "berth/test/volumeplugin")
	build.Dir = Root()
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, dir := range []string{"hang", "fail"} {
		if err := os.Mkdir(filepath.Join(p.Root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	p.Start(socket)
	t.Cleanup(p.Kill)
	return p
}

// Start starts it, again after Kill.
func (p *VolumePlugin) Start(socket string) {
	p.t.Helper()
	if err := os.MkdirAll(filepath.Dir(socket), 0o755); err != nil {
		p.t.Fatal(err)
	}
	p.cmd = exec.Command(p.bin, "-socket", socket, "-root", p.Root)
	p.cmd.Stderr, p.cmd.SysProcAttr = os.Stderr, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // the death signal follows the thread: this one stays until the end
		started <- p.cmd.Start()
		select {}
	}()
	if err := <-started; err != nil {
		p.t.Fatal(err)
	}
	Eventually(p.t, "the plugin listens", func() error {
		c, err := net.Dial("unix", socket)
		if err == nil {
			err = c.Close()
		}
		return err
	})
}

// Kill ends it; its socket stays.
func (p *VolumePlugin) Kill() {
	if p.cmd != nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait() // it was killed
		p.cmd = nil
	}
}

// Calls is what it was asked, without questions that change nothing.
func (p *VolumePlugin) Calls() []string {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join(p.Root, "calls"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		p.t.Fatal(err)
	}
	return slices.DeleteFunc(strings.Split(strings.TrimSpace(string(text)), "\n"), func(line string) bool {
		switch word, _, _ := strings.Cut(line, " "); word {
		case "Get", "List", "Path", "Capabilities", "Plugin.Activate":
			return true
		}
		return false
	})
}

// IDs are those for which a volume is mounted.
func (p *VolumePlugin) IDs(name string) []string {
	p.t.Helper()
	entries, err := os.ReadDir(filepath.Join(p.Root, "ids", name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		p.t.Fatal(err)
	}
	ids := []string{}
	for _, e := range entries {
		ids = append(ids, e.Name())
	}
	return ids
}

// Hang has a method not answer until the returned function is called.
func (p *VolumePlugin) Hang(method string) (goOn func()) { return p.mark("hang", method, "") }

// Fail has a method answer an error until the returned function is called.
func (p *VolumePlugin) Fail(method, text string) (goOn func()) { return p.mark("fail", method, text) }

func (p *VolumePlugin) mark(what, method, text string) func() {
	p.t.Helper()
	file := filepath.Join(p.Root, what, method)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
	return func() { _ = os.Remove(file) }
}

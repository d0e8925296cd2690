//go:build linux

package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"berth/test/harness"
)

// pluginDaemon is a daemon with a plugin, and the plugin's socket.
func pluginDaemon(t *testing.T) (*harness.Daemon, *harness.VolumePlugin, string) {
	t.Helper()
	root, err := os.MkdirTemp("/tmp", "plugins") // the paths of sockets are short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	socket := filepath.Join(root, "run/docker/plugins/plug.sock")
	return harness.Start(t, harness.WithArgs("--plugin-root", root)), harness.StartVolumePlugin(t, socket), socket
}

func holdsIDs(t *testing.T, p *harness.VolumePlugin, volume string, want ...string) {
	t.Helper()
	slices.Sort(want)
	harness.Eventually(t, "the plugin holds the volume for those who run", func() error {
		if got := p.IDs(volume); !slices.Equal(got, want) {
			return fmt.Errorf("%s is mounted for %v, want %v", volume, got, want)
		}
		return nil
	})
}

func TestAPluginsMountsAreRightWhateverBecomesOfTheDaemonAndOfThePlugin(t *testing.T) {
	t.Parallel()
	d, p, socket := pluginDaemon(t)
	busybox := d.Busybox()
	c := d.Client(t, "docker")
	c.Must("volume", "create", "-d", "plug", "data")
	run := func(name string, words ...string) string {
		args := append([]string{"run", "-d", "--name", name, "-v", "data:/d", busybox}, words...)
		return strings.TrimSpace(c.Must(args...))
	}
	stays := run("stays", "sleep", "1000")
	ends := run("ends", "sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1000 & wait; done")
	goes := run("goes", "sh", "-c", "while [ ! -e /d/go ]; do sleep 0.1; done")
	holdsIDs(t, p, "data", stays, ends, goes)
	d.Kill9()
	p.Kill() // and the plugin too: both come back
	d.StartAgain()
	c.Prints("true", "inspect", "-f", "{{.State.Running}}", "stays") // though the plugin is gone
	c.Fails(1, "plug", "volume", "create", "-d", "plug", "other")
	c.Must("exec", "stays", "touch", "/d/go")
	c.Must("wait", "goes")
	c.Must("stop", "ends") // whose mount the plugin will be told of when it is back
	p.Start(socket)
	holdsIDs(t, p, "data", stays)
	c.Must("start", "ends")
	holdsIDs(t, p, "data", stays, ends)
	c.Must("rm", "-f", "stays", "ends", "goes")
	holdsIDs(t, p, "data")
	c.Must("volume", "rm", "data")
	c.Prints("", "volume", "ls", "-q")
}

func TestAPluginThatHangsHoldsNobodyUpButThoseWhoAskIt(t *testing.T) {
	t.Parallel()
	d, p, _ := pluginDaemon(t)
	busybox := d.Busybox()
	c := d.Client(t, "docker")
	c.Must("volume", "create", "-d", "plug", "data")
	c.Must("create", "--name", "waits", "-v", "data:/d", busybox, "true")
	for _, method := range []string{"Mount", "Create"} {
		defer p.Hang(method)()
	}
	start := c.Begin("start", "waits")
	create := c.Begin("volume", "create", "-d", "plug", "never")
	harness.Eventually(t, "the plugin is asked", func() error {
		if s := strings.TrimSpace(c.Must("inspect", "-f", "{{.State.Status}}", "waits")); s != "created" {
			return fmt.Errorf("it is %s", s)
		}
		return nil
	})
	c.Prints("data", "volume", "ls", "-q")
	c.Must("volume", "create", "local-one")
	c.Must("run", "--rm", "-v", "local-one:/x", busybox, "true")
	c.Prints("plug", "volume", "inspect", "-f", "{{.Driver}}", "data")
	c.Must("info")
	// The plugin dies: who waits is told so.
	p.Kill()
	for _, waits := range []*harness.Process{start, create} {
		if r := waits.Ends(); r.Code == 0 || !strings.Contains(r.Stderr, `"plug"`) {
			t.Error(r)
		}
	}
	c.Must("rm", "-f", "waits")
}

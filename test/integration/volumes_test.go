//go:build linux

package integration

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"berth/test/harness"

	"github.com/moby/sys/mountinfo"
)

func TestAMountMakesAVolumeWithItsLabelsAndOptions(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	c := d.Client(t, "berth")
	const mount = "type=volume,src=ram,dst=/m,volume-label=a=b,volume-label=c,volume-opt=type=tmpfs,volume-opt=device=tmpfs,volume-opt=o=size=1m"
	c.Prints("tmpfs /m tmpfs", "run", "--rm", "--mount", mount, busybox, "sh", "-c", "grep ' /m ' /proc/mounts | cut -d' ' -f1-3")
	var volume struct {
		Labels, Options map[string]string
		Mountpoint      string
	}
	shown := d.Docker("volume", "inspect", "-f", "{{json .}}", "ram")
	if err := json.Unmarshal([]byte(shown.Stdout), &volume); err != nil {
		t.Fatal(shown, err)
	}
	if len(volume.Labels) != 2 || volume.Labels["a"] != "b" || volume.Options["o"] != "size=1m" {
		t.Errorf("%+v", volume)
	}
	notMounted(t, volume.Mountpoint)
}

// A volume's own file system stays while containers use it, whatever the daemon does.
func TestAVolumesFileSystemOutlivesAKilledDaemonAsLongAsAContainerUsesIt(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	c := d.Client(t, "docker")
	c.Must("volume", "create", "--opt", "type=tmpfs", "--opt", "device=tmpfs", "ram")
	dir := filepath.Join(d.DataRoot(), "volumes/ram/_data")
	c.Must("run", "-d", "--name", "one", "-v", "ram:/m", busybox, "sh", "-c", "echo kept > /m/f; exec sleep 1000")
	harness.Eventually(t, "the file is written", func() error { _, err := os.Stat(dir + "/f"); return err })
	c.Must("run", "-d", "--name", "two", "-v", "ram:/m", busybox, "sleep", "1000")
	d.Kill9()
	d.StartAgain()
	c.Must("rm", "-f", "one")
	c.Prints("kept", "exec", "two", "cat", "/m/f")
	c.Prints("kept", "run", "--rm", "-v", "ram:/m", busybox, "cat", "/m/f")
	c.Fails(1, "volume is in use", "volume", "rm", "ram")
	copied := filepath.Join(t.TempDir(), "f")
	c.Must("cp", "two:/m/f", copied)
	c.Must("stop", "-t", "0", "two")
	notMounted(t, dir)
	c.Must("cp", copied, "two:/m/g") // into what is mounted for the copy alone
	notMounted(t, dir)
	c.Must("rm", "two")
	c.Must("volume", "rm", "ram")
}

// notMounted waits until nothing is mounted at a directory; a view of a container that
// was looked at is let go in the background.
func notMounted(t *testing.T, dir string) {
	t.Helper()
	harness.Eventually(t, "the volume is unmounted", func() error {
		is, err := mountinfo.Mounted(dir)
		if err == nil && is {
			err = os.ErrExist
		}
		return err
	})
}

func TestAVolumeOutlivesThePowerAndTellsWhoUsesIt(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	c := d.Client(t, "berth")
	c.Must("volume", "create", "--label", "a=b", "data")
	id := c.Must("create", "-v", "data:/d", "-v", "/anonymous", busybox)
	d.Kill9()
	d.StartAgain()
	c.Prints("b", "volume", "inspect", "-f", `{{index .Labels "a"}}`, "data")
	c.Fails(1, "remove data: volume is in use - ["+id+"]", "volume", "rm", "data")
	if shown := c.Must("system", "df", "--format", "{{.Type}} {{.TotalCount}} {{.Active}}"); !strings.Contains(shown, "Local Volumes 2 2") {
		t.Error(shown)
	}
	c.Must("rm", "-v", id)
	if left := c.Must("volume", "ls", "-q"); strings.TrimSpace(left) != "data" {
		t.Error(left)
	}
	c.Prints("data", "volume", "rm", "data")
}

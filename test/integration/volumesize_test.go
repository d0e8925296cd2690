//go:build linux

package integration

import (
	"path/filepath"
	"strings"
	"testing"

	"berth/test/harness"
)

func TestAVolumeWithASizeHoldsThatMuchForAllWhoUseItAndItsImageGoesWithIt(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		c.Must("volume", "create", "--opt", "size=20m", "sized")
		c.Prints("map[size:20m]", "volume", "inspect", "-f", "{{.Options}}", "sized")
		dir := filepath.Join(d.DataRoot(), "volumes/sized/_data")
		c.Must("run", "-d", "--name", "writer", "-v", "sized:/etc", busybox, "sleep", "1000")
		c.Prints("root", "exec", "writer", "sh", "-c", "cut -d: -f1 /etc/passwd | head -n 1") // filled from the image
		c.Prints("No space left on device", "exec", "writer", "sh", "-c", "dd if=/dev/zero of=/etc/full bs=64k count=1000 2>&1 | grep -o 'No space left on device'; rm /etc/full")
		c.Must("exec", "writer", "dd", "if=/dev/zero", "of=/etc/some", "bs=1M", "count=3")
		usage := func() string {
			return c.Must("system", "df", "-v", "--format", `{{range .Volumes}}{{if eq .Name "sized"}}{{.Links}} {{.Size}}{{end}}{{end}}`)
		}
		before := usage()
		if !strings.HasPrefix(before, "1 3.1") {
			t.Errorf("df -v: %q", before)
		}
		d.Kill9()
		d.StartAgain()
		c.Must("run", "--rm", "-v", "sized:/m:ro", busybox, "test", "-s", "/m/some")
		c.Must("rm", "-f", "writer")
		notMounted(t, dir)
		freed(t, d.DataRoot())
		if after := usage(); after[1:] != before[1:] || after[0] != '0' {
			t.Errorf("df -v of one that nobody uses: %q, not %q", after, before)
		}
		c.Prints("sized", "volume", "rm", "sized")
		const mount = "type=volume,dst=/m,volume-opt=size=10m"
		c.Must("run", "--rm", "--mount", mount, busybox, "sh", "-c", "cat /dev/zero > /m/full; test $(du -sm /m | cut -f1) -le 11")
		for value, says := range map[string]string{"size=x": "invalid size: 'x'", "size=5": "a size of 5 bytes is too small"} {
			c.Fails(1, says, "volume", "create", "--opt", value, "sized")
		}
		c.Fails(1, "no such volume", "volume", "inspect", "sized")
		c.Must("volume", "create", "--opt", "size=10m", "unused")
		c.Prints("Deleted Volumes:\nunused\n\nTotal reclaimed space: 0B", "volume", "prune", "-a", "-f")
		freed(t, d.DataRoot())
	})
}

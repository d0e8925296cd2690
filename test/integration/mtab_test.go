//go:build linux

package integration

import (
	"bytes"
	"testing"

	"berth/test/harness"
)

func TestEveryContainerHasDockersLinkToItsMountsUnlessItsImageHasOne(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		c.Must("run", "--name", "one", busybox, "readlink", "/etc/mtab")
		c.Prints("/proc/mounts", "start", "-a", "one")
		c.Prints("", "diff", "one")
		c.Prints("0", "inspect", "--size", "-f", "{{.SizeRw}}", "one")
		c.Must("rm", "one")
		c.Prints("/proc/mounts", "run", "--rm", "--read-only", busybox, "readlink", "/etc/mtab")
		c.Must("run", "--name", "without", busybox, "rm", "/etc/mtab")
		c.Must("commit", "without", "without:1")
		c.Fails(1, "rm: can't remove '/etc/mtab'", "start", "-a", "without") // it stays without
		c.Must("rm", "without")
		c.In(bytes.NewReader(harness.BusyboxTar(t))).Must("import", "-", "base:1")
		c.Must("run", "--name", "own", "base:1", "sh", "-c", "rm /etc/mtab; echo own > /etc/mtab")
		c.Prints("C /etc\nC /etc/mtab", "diff", "own")
		c.Must("commit", "own", "own:1")
		c.Prints("own", "run", "--rm", "own:1", "cat", "/etc/mtab")
		c.Must("rm", "own")
		c.Must("rmi", "own:1", "base:1", "without:1")
	})
}

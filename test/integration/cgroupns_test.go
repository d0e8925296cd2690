//go:build linux

package integration

import (
	"testing"

	"berth/test/harness"
)

func TestAContainerInTheHostsCgroupNamespaceSeesItsOwnGroupAndCannotChangeIt(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		c.Prints("mine read-only", "run", "--rm", "--cgroupns=host", busybox, "sh", "-c",
			"cd /sys/fs/cgroup; test -d pids && cd pids; "+
				"test -e release_agent && echo root; "+
				"(echo 0 > cgroup.procs) 2> /dev/null || echo mine read-only")
	})
}

//go:build linux

package harness

import (
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/google/nftables"
	"github.com/moby/sys/mountinfo"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// sweepTime is how long killed processes get to go.
const sweepTime = 10 * time.Second

// sweep takes away by force what a failed test has left, and the test's own.
func (d *Daemon) sweep() {
	_ = within(sweepTime, func() error {
		pids := d.processes()
		for _, word := range pids {
			if pid, err := strconv.Atoi(word); err == nil {
				_ = unix.Kill(pid, unix.SIGKILL)
			}
		}
		if len(pids) > 0 {
			return unix.EAGAIN
		}
		return nil
	})
	mounts, err := mountinfo.GetMounts(mountinfo.PrefixFilter(d.dir))
	if err == nil {
		for _, m := range slices.Backward(mounts) {
			_ = unix.Unmount(m.Mountpoint, unix.MNT_DETACH)
		}
	}
	for _, parent := range d.parents() {
		for _, name := range subdirs(parent) {
			_ = os.Remove(parent + "/" + name)
		}
		_ = os.Remove(parent) // ours by our name; the daemon may have left it empty
	}
	if bridge, err := netlink.LinkByName(d.Bridge()); err == nil {
		_ = netlink.LinkDel(bridge)
	}
	if len(tables("berth_"+d.Bridge())) > 0 {
		if conn, err := nftables.New(); err == nil {
			conn.DelTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "berth_" + d.Bridge()})
			_ = conn.Flush()
		}
	}
	if err := os.RemoveAll(d.dir); err != nil {
		d.t.Errorf("remove the test's directory: %v", err)
	}
}

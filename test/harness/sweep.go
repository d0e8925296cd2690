//go:build linux

package harness

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/google/nftables"
	"github.com/moby/sys/mountinfo"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// sweepTime is how long killed processes get to go.
const sweepTime = 10 * time.Second

// sweep takes away by force what a failed test has left, and the test's own.
func (d Traces) sweep() error {
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
	return os.RemoveAll(d.dir)
}

const (
	dirPrefix = "berth-t-"
	ownerFile = "owner" // in a daemon's directory: the test process's ID and the lane
)

// sweepStale takes away what test processes have left that were killed, or
// ended at go test's own time limit, before they could.
var sweepStale = sync.OnceFunc(func() {
	dirs, err := filepath.Glob("/tmp/" + dirPrefix + "*")
	if err != nil {
		return
	}
	for _, dir := range dirs {
		var pid, number int
		b, err := os.ReadFile(filepath.Join(dir, ownerFile))
		if err != nil {
			continue
		}
		if _, err := fmt.Sscan(string(b), &pid, &number); err != nil || unix.Kill(pid, 0) == nil {
			continue
		}
		// Whoever has the lane by now owns the names on the host.
		l, free, err := tryLane(number)
		if err != nil || !free {
			continue
		}
		_ = Traces{Place{lane: l, dir: dir, data: filepath.Join(dir, "data")}}.sweep()
		l.free()
	}
})

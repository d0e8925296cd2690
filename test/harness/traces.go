//go:build linux

package harness

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"

	"berth/internal/linux/netns"
)

// Traces are what there is of a daemon on the host: whoever asks the kernel, and
// not the daemon, sees these.
type Traces struct{ Place }

// ofContainers is what containers have left in and below a daemon that has none.
func (d Traces) ofContainers() []string {
	var left []string
	for _, dir := range []string{d.data + "/containers", d.data + "/containers/.trash", d.ExecRoot() + "/exits", d.ExecRoot() + "/spool", d.ExecRoot() + "/rootfs", d.ExecRoot() + "/bundles"} {
		left = append(left, entries(dir, ".trash")...)
	}
	for _, group := range d.cgroups() {
		if !waits(group) {
			left = append(left, "control group "+group)
		}
	}
	left = append(left, mountsBelow("self", d.dir)...)
	for _, pid := range d.processes() {
		left = append(left, mountsBelow(pid, d.dir)...)
		if role := role(pid); role != "berthd" && role != "berth-keeper" {
			left = append(left, "process "+pid+" ("+role+")")
		}
		left = append(left, descriptors(pid, d.data+"/containers/")...)
	}
	return left
}

// onHost is what there is of a daemon that has ended.
func (d Traces) onHost() []string {
	var left []string
	for _, pid := range d.processes() {
		left = append(left, "process "+pid+" ("+role(pid)+")")
	}
	left = append(left, mountsBelow("self", d.dir)...)
	for _, group := range d.cgroups() {
		left = append(left, "control group "+group)
	}
	left = append(left, sockets(d.dir)...)
	left = append(left, entries(d.ExecRoot(), "exits", "spool", "rootfs", "bundles", "runtimes", "keeper.lock", "keeper.log")...)
	states, _ := filepath.Glob(filepath.Join(d.ExecRoot(), "runtimes", "*")) // of other OCI runtimes
	for _, dir := range append(states, d.ExecRoot()+"/exits", d.ExecRoot()+"/spool", d.ExecRoot()+"/rootfs", d.ExecRoot()+"/bundles") {
		left = append(left, entries(dir)...)
	}
	if _, err := netlink.LinkByName(d.Bridge()); err == nil {
		left = append(left, "link "+d.Bridge())
	}
	return append(left, tables("berth_"+d.Bridge())...)
}

// processes are those that run from the daemon's directory: by their command
// line, their control group, or a mount of theirs.
func (d Traces) processes() []string {
	all, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var ours []string
	for _, e := range all {
		if pid, err := strconv.Atoi(e.Name()); err != nil || pid == os.Getpid() {
			continue
		}
		line, _ := os.ReadFile("/proc/" + e.Name() + "/cmdline") // gone: empty
		group, _ := os.ReadFile("/proc/" + e.Name() + "/cgroup")
		if bytes.Contains(line, []byte(d.dir+"/")) && !isClient(e.Name()) || bytes.Contains(group, []byte("/"+d.CgroupParent()+"/")) {
			ours = append(ours, e.Name())
		}
	}
	return ours
}

// isClient reports a program that only names our directory: a test's own.
func isClient(pid string) bool {
	exe, err := os.Readlink("/proc/" + pid + "/exe")
	return err == nil && !strings.HasPrefix(filepath.Base(exe), "berthd") && !strings.HasPrefix(filepath.Base(exe), "berth-keeper")
}

func role(pid string) string {
	b, err := os.ReadFile("/proc/" + pid + "/comm")
	if err != nil {
		return "ended"
	}
	return strings.TrimSpace(string(b))
}

// waits reports that a control group is of a sandbox that waits for its
// container: nothing but a child of the keeper is in it, which has executed nothing.
func waits(group string) bool {
	b, err := os.ReadFile(filepath.Join(group, "cgroup.procs"))
	for pid := range strings.FieldsSeq(string(b)) {
		if role(pid) != "berth-keeper" {
			return false
		}
	}
	return err == nil && len(b) > 0
}

// Sandboxes lists the IDs of those that wait for a container.
func (d Traces) Sandboxes() []string {
	var ids []string
	for _, group := range d.cgroups() {
		if id := filepath.Base(group); waits(group) && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// SandboxPid is the process of a sandbox; 0 when there is none.
func (d Traces) SandboxPid(id string) int {
	for _, group := range d.cgroups() {
		if filepath.Base(group) == id && waits(group) {
			b, _ := os.ReadFile(filepath.Join(group, "cgroup.procs"))
			pid, _ := strconv.Atoi(strings.TrimSpace(string(b)))
			return pid
		}
	}
	return 0
}

// Groups are the names of the control groups below the daemon's, in any hierarchy.
func (d Traces) Groups() []string {
	var names []string
	for _, group := range d.cgroups() {
		names = append(names, filepath.Base(group))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// KeeperPid is the process ID of the daemon's keeper; 0 when there is none.
func (d Traces) KeeperPid() int {
	for _, word := range d.processes() {
		line, _ := os.ReadFile("/proc/" + word + "/cmdline") // a sandbox has none
		if pid, err := strconv.Atoi(word); err == nil && role(word) == "berth-keeper" && len(line) > 0 {
			return pid
		}
	}
	return 0
}

// KeeperGone is nil when the daemon's keeper has ended.
func (d Traces) KeeperGone() error {
	if pid := d.KeeperPid(); pid != 0 {
		return fmt.Errorf("the keeper runs as process %d", pid)
	}
	return nil
}

// Contained lists the IDs of containers that have a directory, a control group
// with processes in it, or both: what there is in truth, whatever the API says.
func (d Traces) Contained() (directories, populated []string) {
	for _, name := range subdirs(d.data + "/containers") {
		if name != ".trash" {
			directories = append(directories, name)
		}
	}
	for _, parent := range d.parents() {
		for _, id := range subdirs(parent) {
			group := filepath.Join(parent, id)
			b, err := os.ReadFile(filepath.Join(group, "cgroup.procs"))
			if err == nil && len(b) > 0 && !waits(group) && !slices.Contains(populated, id) {
				populated = append(populated, id)
			}
		}
	}
	return directories, populated
}

// cgroups lists the groups below the daemon's parent, in every hierarchy.
func (d Traces) cgroups() []string {
	var left []string
	for _, parent := range d.parents() {
		for _, e := range subdirs(parent) {
			left = append(left, filepath.Join(parent, e))
		}
	}
	return left
}

// parents are the daemon's parent groups: one on v2, one a controller on v1.
func (d Traces) parents() []string {
	found, err := filepath.Glob("/sys/fs/cgroup/*/" + d.CgroupParent())
	if err != nil {
		return nil
	}
	return append(found, "/sys/fs/cgroup/"+d.CgroupParent())
}

// bridgePorts are the indices and names of the links on the daemon's bridge.
func (d Traces) bridgePorts() map[int]string {
	bridge, err := netlink.LinkByName(d.Bridge())
	if err != nil {
		return nil
	}
	all, err := netns.Dump(netlink.LinkList)
	if err != nil {
		return nil
	}
	ports := map[int]string{}
	for _, l := range all {
		if l.Attrs().MasterIndex == bridge.Attrs().Index {
			ports[l.Attrs().Index] = l.Attrs().Name
		}
	}
	return ports
}

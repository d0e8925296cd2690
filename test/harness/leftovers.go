//go:build linux

package harness

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/google/nftables"
	"github.com/moby/sys/mountinfo"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// finish is the end of every daemon's test: containers are removed, and nothing
// of them may be left in the living daemon; it is stopped, and nothing of it
// may be left on the host.
func (d *Daemon) finish() {
	failed := d.t.Failed()
	if failed {
		d.t.Logf("the host, before anything is removed:\n%s", d.state())
	}
	var found []error
	if d.Pid() == 0 {
		found = append(found, d.launch())
	}
	if d.Pid() != 0 {
		found = append(found, d.removeAll(), settle("with all containers removed", d.ofContainers))
	}
	ports := d.bridgePorts()
	found = append(found, d.end(unix.SIGTERM))
	d.dismissKeeper()
	found = append(found, settle("with the daemon and its keeper gone", func() []string {
		return append(d.onHost(), linksOf(ports)...)
	}))
	if err := errors.Join(found...); err != nil {
		d.t.Errorf("something stays behind: %v", err)
	}
	if d.t.Failed() {
		d.t.Logf("the daemon's log:\n%s", d.Log())
		if !failed { // so that somebody can look at what stayed
			d.t.Logf("processes of the daemon: %s", strings.Join(d.processes(), ", "))
		}
	}
	d.sweep()
	d.lane.free()
}

// state is what a failure may be explained by.
func (d *Daemon) state() string {
	var all strings.Builder
	if body, err := d.request(http.MethodGet, "/containers/json?all=1"); err == nil {
		fmt.Fprintf(&all, "containers: %s\n", bytes.TrimSpace(body))
	}
	for _, line := range []string{"ip -br link show master " + d.Bridge(), "ip -br addr show " + d.Bridge(), "ip neigh show dev " + d.Bridge(), "nft list table ip berth_" + d.Bridge()} {
		words := strings.Fields(line)
		out, err := exec.Command(words[0], words[1:]...).CombinedOutput()
		fmt.Fprintf(&all, "%s (%v):\n%s", line, err, out)
	}
	for _, pid := range d.processes() {
		line, _ := os.ReadFile("/proc/" + pid + "/cmdline")
		ns, _ := os.Readlink("/proc/" + pid + "/ns/net")
		fmt.Fprintf(&all, "process %s %s: %q\n", pid, ns, line)
		if d.role(pid) != "berthd" && d.role(pid) != "berth-keeper" {
			out, err := exec.Command("nsenter", "-n", "-t", pid, "ip", "addr").CombinedOutput()
			fmt.Fprintf(&all, "%s(%v)\n", out, err)
		}
	}
	return all.String()
}

// dismissKeeper asks the keeper to go at once: it would go by itself a few
// seconds later. It refuses while it has a process to watch.
func (d *Daemon) dismissKeeper() {
	if pid := d.KeeperPid(); pid != 0 {
		_ = unix.Kill(pid, unix.SIGTERM)
	}
}

// settle waits until look finds nothing.
func settle(when string, look func() []string) error {
	return within(Patience, func() error {
		if left := look(); len(left) > 0 {
			return fmt.Errorf("%s there is still\n\t%s", when, strings.Join(left, "\n\t"))
		}
		return nil
	})
}

// removeAll removes every container with its anonymous volumes.
func (d *Daemon) removeAll() error {
	body, err := d.request(http.MethodGet, "/containers/json?all=1")
	if err != nil {
		return err
	}
	var all []struct{ ID string }
	if err := json.Unmarshal(body, &all); err != nil {
		return err
	}
	var errs []error
	for _, c := range all {
		_, err := d.request(http.MethodDelete, "/containers/"+c.ID+"?force=1&v=1")
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (d *Daemon) request(method, path string) ([]byte, error) {
	req, err := http.NewRequest(method, "http://berth"+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := d.HTTP().Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= 400 && resp.StatusCode != http.StatusNotFound { // an AutoRemove came first
		err = fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, bytes.TrimSpace(b))
	}
	return b, err
}

// ofContainers is what containers have left in and below a daemon that has none.
func (d *Daemon) ofContainers() []string {
	var left []string
	for _, dir := range []string{d.data + "/containers", d.data + "/containers/.trash", d.ExecRoot() + "/exits", d.ExecRoot() + "/spool", d.ExecRoot() + "/rootfs"} {
		left = append(left, entries(dir, ".trash")...)
	}
	left = append(left, d.cgroups()...)
	left = append(left, mountsBelow("self", d.dir)...)
	for _, pid := range d.processes() {
		left = append(left, mountsBelow(pid, d.dir)...)
		if role := d.role(pid); role != "berthd" && role != "berth-keeper" {
			left = append(left, "process "+pid+" ("+role+")")
		}
		left = append(left, descriptors(pid, d.data+"/containers/")...)
	}
	return left
}

// onHost is what there is of a daemon that has ended.
func (d *Daemon) onHost() []string {
	var left []string
	for _, pid := range d.processes() {
		left = append(left, "process "+pid+" ("+d.role(pid)+")")
	}
	left = append(left, mountsBelow("self", d.dir)...)
	left = append(left, d.cgroups()...)
	left = append(left, sockets(d.dir)...)
	for _, name := range entries(d.ExecRoot(), "exits", "spool", "rootfs", "keeper.lock", "keeper.log") {
		left = append(left, name)
	}
	for _, dir := range []string{"exits", "spool", "rootfs"} {
		left = append(left, entries(filepath.Join(d.ExecRoot(), dir))...)
	}
	if _, err := netlink.LinkByName(d.Bridge()); err == nil {
		left = append(left, "link "+d.Bridge())
	}
	return append(left, tables("berth_"+d.Bridge())...)
}

// entries lists a directory but for names that may be there.
func entries(dir string, allowed ...string) []string {
	found, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return []string{err.Error()}
	}
	var names []string
	for _, e := range found {
		if !slices.Contains(allowed, e.Name()) {
			names = append(names, "file "+filepath.Join(dir, e.Name()))
		}
	}
	return names
}

func mountsBelow(pid, dir string) []string {
	f, err := os.Open("/proc/" + pid + "/mountinfo")
	if err != nil {
		return nil // the process has ended
	}
	defer f.Close()
	mounts, err := mountinfo.GetMountsFromReader(f, func(m *mountinfo.Info) (skip, stop bool) {
		return !strings.HasPrefix(m.Mountpoint, dir+"/") && !strings.Contains(m.VFSOptions, "="+dir+"/"), false
	})
	if err != nil {
		return nil
	}
	var left []string
	for _, m := range mounts {
		left = append(left, "mount "+m.Mountpoint+" in the namespace of process "+pid)
	}
	return left
}

// cgroups lists the groups below the daemon's parent, in every hierarchy.
func (d *Daemon) cgroups() []string {
	var left []string
	for _, parent := range d.parents() {
		for _, e := range subdirs(parent) {
			left = append(left, "control group "+filepath.Join(parent, e))
		}
	}
	return left
}

// parents are the daemon's parent groups: one on v2, one a controller on v1.
func (d *Daemon) parents() []string {
	found, err := filepath.Glob("/sys/fs/cgroup/*/" + d.CgroupParent())
	if err != nil {
		return nil
	}
	return append(found, "/sys/fs/cgroup/"+d.CgroupParent())
}

func subdirs(dir string) []string {
	found, err := os.ReadDir(dir)
	if err != nil {
		return nil // never made
	}
	var names []string
	for _, e := range found {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

// processes are those that run from the daemon's directory: by their command
// line, their control group, or a mount of theirs.
func (d *Daemon) processes() []string {
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

func (d *Daemon) role(pid string) string {
	b, err := os.ReadFile("/proc/" + pid + "/comm")
	if err != nil {
		return "ended"
	}
	return strings.TrimSpace(string(b))
}

// descriptors of a daemon or keeper that belong to a container that is gone:
// terminals, its files, and deleted files. The image library opens one such
// file at every start, and leaves it to the garbage collector.
func descriptors(pid, containers string) []string {
	found, err := os.ReadDir("/proc/" + pid + "/fd")
	if err != nil {
		return nil
	}
	var left []string
	for _, e := range found {
		to, err := os.Readlink("/proc/" + pid + "/fd/" + e.Name())
		if err != nil {
			continue
		}
		if strings.HasPrefix(to, "/dev/pt") || strings.HasPrefix(to, containers) || strings.Contains(to, "(deleted)") && !strings.Contains(to, "/.fsverity-check-") {
			left = append(left, fmt.Sprintf("descriptor %s of process %s: %s", e.Name(), pid, to))
		}
	}
	return left
}

// sockets lists the unix sockets below a directory that somebody still has.
func sockets(dir string) []string {
	b, err := os.ReadFile("/proc/net/unix")
	if err != nil {
		return []string{err.Error()}
	}
	var left []string
	for line := range strings.Lines(string(b)) {
		words := strings.Fields(line)
		if path := words[len(words)-1]; strings.HasPrefix(path, dir+"/") {
			left = append(left, "socket "+path)
		}
	}
	return left
}

// bridgePorts are the indices and names of the links on the daemon's bridge.
func (d *Daemon) bridgePorts() map[int]string {
	bridge, err := netlink.LinkByName(d.Bridge())
	if err != nil {
		return nil
	}
	all, err := netlink.LinkList()
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

// linksOf lists those of the links that are still there.
func linksOf(ports map[int]string) []string {
	var left []string
	for index, name := range ports {
		if l, err := netlink.LinkByIndex(index); err == nil && l.Attrs().Name == name {
			left = append(left, "link "+name)
		}
	}
	return left
}

func tables(name string) []string {
	conn, err := nftables.New()
	if err != nil {
		return []string{err.Error()}
	}
	all, err := conn.ListTables()
	if err != nil {
		return []string{err.Error()}
	}
	var left []string
	for _, t := range all {
		if t.Name == name {
			left = append(left, "nftables table "+name)
		}
	}
	return left
}

// KeeperPid is the process ID of the daemon's keeper; 0 when there is none.
func (d *Daemon) KeeperPid() int {
	for _, word := range d.processes() {
		if pid, err := strconv.Atoi(word); err == nil && d.role(word) == "berth-keeper" {
			return pid
		}
	}
	return 0
}

// KeeperGone is nil when the daemon's keeper has ended.
func (d *Daemon) KeeperGone() error {
	if pid := d.KeeperPid(); pid != 0 {
		return fmt.Errorf("the keeper runs as process %d", pid)
	}
	return nil
}

// Contained lists the IDs of containers that have a directory, a control group
// with processes in it, or both: what there is in truth, whatever the API says.
func (d *Daemon) Contained() (directories, populated []string) {
	for _, name := range subdirs(d.data + "/containers") {
		if name != ".trash" {
			directories = append(directories, name)
		}
	}
	for _, parent := range d.parents() {
		for _, id := range subdirs(parent) {
			b, err := os.ReadFile(filepath.Join(parent, id, "cgroup.procs"))
			if err == nil && len(b) > 0 && !slices.Contains(populated, id) {
				populated = append(populated, id)
			}
		}
	}
	return directories, populated
}

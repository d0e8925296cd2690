//go:build linux

package runtime_test

import (
	"fmt"
	"io"
	"os"
	osexec "os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/linux/console"
	"berth/internal/runtime"
)

// mapped gives a container a user namespace of its own, whose root is user 100000.
func mapped(b *box) {
	m := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 65536}}
	b.spec.Linux.UIDMappings, b.spec.Linux.GIDMappings = m, m
	b.spec.Linux.Namespaces = append(b.spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
	for dir := b.image; dir != "/tmp" && dir != "/"; dir = dir[:strings.LastIndex(dir, "/")] {
		b.must(os.Chmod(dir, 0o755))
	}
	b.must(os.Chown(b.image, 100000, 100000))
	b.must(os.Chmod(b.image+"/tmp", 0o777))
}

// mapIDs writes the mappings at the point where they are asked for.
func mapIDs(o *other, p runtime.Sync) bool {
	if p == runtime.SyncMap {
		for _, file := range []string{"uid_map", "gid_map"} {
			if err := os.WriteFile(fmt.Sprintf("/proc/%d/%s", o.pid, file), []byte("0 100000 65536"), 0); err != nil {
				o.b.t.Error(err)
			}
		}
	}
	return true
}

const userScript = `cat /proc/self/uid_map /proc/self/gid_map; id; grep Groups /proc/self/status
echo x > /dev/null && echo null; ls -l /dev/null; touch /tmp/mine && stat -c '%u %g' /tmp/mine
echo 3 > /proc/sys/kernel/shmmni; echo $?; ls -d /sys/class/net /proc/1; grep Cap /proc/self/status; cat /proc/self/mountinfo`

func TestAContainerHasAUserNamespaceOfItsOwn(t *testing.T) {
	b := newBox(t, "cat /proc/sys/net/ipv4/ip_unprivileged_port_start; "+userScript)
	mapped(b)
	b.spec.Linux.Sysctl = map[string]string{"net.ipv4.ip_unprivileged_port_start": "7"}
	o := b.synced(mapIDs)
	out, code := b.run()
	o.end()
	if code != 0 || o.got != "up" || !strings.HasPrefix(out, "7\n") {
		t.Errorf("exit %d, points %q\n%s", code, o.got, out)
	}
	wants(t, out, "uid=0 gid=0", "Groups:\t \n", "\nnull\n", "\n0 0\n", "/sys/class/net", "/proc/1\n", "CapEff:\t00000000a80425fb", " /sys/fs/cgroup ", "mqueue mqueue")
	if strings.Count(out, "         0     100000      65536\n") != 2 {
		t.Error(out)
	}
}

func TestAContainerWithAUserNamespaceMayUseNamespacesOfOthers(t *testing.T) {
	for _, kinds := range [][]specs.LinuxNamespaceType{
		{specs.NetworkNamespace}, {specs.NetworkNamespace, specs.PIDNamespace},
	} {
		b := newBox(t, userScript)
		mapped(b)
		for _, kind := range kinds {
			file := map[specs.LinuxNamespaceType]string{specs.NetworkNamespace: "net", specs.PIDNamespace: "pid"}[kind]
			name := map[specs.LinuxNamespaceType]string{specs.NetworkNamespace: runtime.FdNetNS, specs.PIDNamespace: runtime.FdPidNS}[kind]
			f, err := os.Open("/proc/self/ns/" + file)
			b.must(err)
			b.give(name, f)
			i := slices.IndexFunc(b.spec.Linux.Namespaces, func(ns specs.LinuxNamespace) bool { return ns.Type == kind })
			b.spec.Linux.Namespaces[i].Path = "/proc/self/ns/" + file
		}
		o := b.synced(mapIDs)
		out, code := b.run()
		o.end()
		if code != 0 || o.got != "up" {
			t.Errorf("exit %d, points %q", code, o.got)
		}
		wants(t, out, "uid=0 gid=0", "\nnull\n", "/sys/class/net", "/proc/1\n")
	}
}

func TestAContainerJoinsAUserNamespace(t *testing.T) {
	b := newBox(t)
	mapped(b)
	o := b.synced(mapIDs)
	c := running(b)
	o.end()

	second := newBox(t, "readlink /proc/self/ns/user; readlink /proc/self/ns/pid; readlink /proc/self/ns/net; echo pid $$; "+userScript)
	b.must(os.Symlink("busybox", second.image+"/bin/readlink"))
	mapped(second)
	for i, ns := range second.spec.Linux.Namespaces {
		name := map[specs.LinuxNamespaceType]string{specs.UserNamespace: runtime.FdUserNS, specs.NetworkNamespace: runtime.FdNetNS}[ns.Type]
		if name == "" {
			continue
		}
		file := map[string]string{runtime.FdUserNS: "user", runtime.FdNetNS: "net"}[name]
		path := fmt.Sprintf("/proc/%d/ns/%s", c.Pid, file)
		f, err := os.Open(path)
		b.must(err)
		second.give(name, f)
		second.spec.Linux.Namespaces[i].Path = path
	}
	out, code := second.run()
	if code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, kind := range []string{"user", "net"} {
		link, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", c.Pid, kind))
		wants(t, out, link)
	}
	wants(t, out, "pid 1\n", "uid=0 gid=0", "\nnull\n", "/sys/class/net", "/proc/1\n")
}

func TestAnExecJoinsTheUserAndTheTimeNamespace(t *testing.T) {
	b := newBox(t)
	mapped(b)
	clock(b)
	o := b.synced(mapIDs)
	c := running(b)
	o.end()
	p := *b.spec.Process
	p.User.UID, p.User.GID = 7, 8
	p.Args = []string{"sh", "-c", "id; cat /proc/self/timens_offsets; for n in user mnt pid time; do stat -L -c %i /proc/1/ns/$n /proc/self/ns/$n; done"}
	out, _, err := execWith(b, c, &p, runtime.ExecInputs{UserNS: true, TimeNS: true})
	b.must(err)
	wants(t, out, "uid=7 gid=8", "monotonic        5000         0\n")
	p.User.UID, p.User.GID = 0, 0
	out, _, err = execWith(b, c, &p, runtime.ExecInputs{UserNS: true, TimeNS: true})
	b.must(err)
	lines := strings.Split(out[strings.Index(out, "boottime"):], "\n")
	for i := 1; i < 9; i += 2 {
		if lines[i] == "" || lines[i] != lines[i+1] {
			t.Errorf("%q", lines)
		}
	}
}

// clock gives a container a time namespace.
func clock(b *box) {
	b.spec.Linux.Namespaces = append(b.spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.TimeNamespace})
	b.spec.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{"monotonic": {Secs: 5000}, "boottime": {Secs: 7000000, Nanosecs: 3}}
}

func TestAContainerHasItsOwnClocks(t *testing.T) {
	b := newBox(t, "cat /proc/self/timens_offsets; cat /proc/uptime")
	clock(b)
	out, _ := b.run()
	wants(t, out, "monotonic        5000         0\nboottime      7000000         3\n", "\n70")
}

func TestAnUnmappedUserIsAClearFailure(t *testing.T) {
	b := newBox(t, "true")
	mapped(b)
	b.spec.Process.User.UID = 70000
	b.synced(mapIDs)
	f := b.failure()
	text, _ := runtime.StartFailure(f, b.spec)
	if f.Errno != unix.EINVAL || !strings.HasSuffix(text, "cannot set uid to unmapped user in user namespace") {
		t.Error(text)
	}
}

func TestAMountNamespaceOfAnotherProcessIsJoinedAndKeepsItsRoot(t *testing.T) {
	b := newBox(t, "ls -d /bin/busybox /proc/self; cat /proc/self/mountinfo | grep -c ' - proc '")
	host := osexec.Command(busybox, "sleep", "100")
	host.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	b.must(host.Start())
	t.Cleanup(func() { host.Process.Kill(); host.Wait() })
	path := fmt.Sprintf("/proc/%d/ns/mnt", host.Process.Pid)
	f, err := os.Open(path)
	b.must(err)
	b.give(runtime.FdMntNS, f)
	b.spec.Linux.Namespaces[0].Path = path
	out, code := b.run()
	if code != 0 || !strings.HasPrefix(out, "/bin/busybox\n/proc/self\n") {
		t.Errorf("exit %d, %q", code, out)
	}
	if _, err := os.Stat(fmt.Sprintf("/proc/%d/root%s", host.Process.Pid, b.image)); err != nil {
		t.Error("the other process has lost its root: ", err)
	}
}

func TestWhatTheHostsRightsAreNeededForIsSetBeforeAUserNamespaceIsEntered(t *testing.T) {
	b := newBox(t, "cat /proc/self/oom_score_adj; cut -d ' ' -f 18,19 /proc/self/stat; ulimit -n; ulimit -c")
	b.must(os.Symlink("busybox", b.image+"/bin/cut"))
	mapped(b)
	score := 5
	b.spec.Process.OOMScoreAdj = &score
	b.spec.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedOther, Nice: -7}
	b.spec.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 16, Hard: 16}, {Type: "RLIMIT_CORE", Soft: 0, Hard: 0}}
	o := b.synced(mapIDs)
	out, _ := b.run()
	o.end()
	if o.got != "up" || out != "5\n13 -7\n16\n0\n" {
		t.Errorf("points %q, output %q", o.got, out)
	}
}

func TestAContainerInAUserNamespaceHasATerminal(t *testing.T) {
	b := newBox(t)
	mapped(b)
	master, devpts, slave, err := console.New()
	b.must(err)
	defer master.Close()
	b.must(slave.Chown(100000, 100005)) // the caller's part: to the container the host's root is nobody
	b.give(runtime.FdPty, slave)
	b.give(runtime.FdDevpts, devpts)
	b.spec.Process.Terminal = true
	b.spec.Process.Args = []string{"sh", "-c", "tty; stat -c '%u %g' /dev/pts/0; echo x > /dev/tty; echo y > /dev/console"}
	b.spec.Process.Env = []string{"PATH=/bin"}
	o := b.synced(mapIDs)
	child, err := b.start()
	b.must(err)
	slave.Close()
	text, _ := io.ReadAll(master)
	o.end()
	if code := reap(t, child); code != 0 {
		t.Errorf("exit code %d", code)
	}
	wants(t, string(text), "/dev/pts/0\r\n0 5\r\nx\r\ny\r\n")
}

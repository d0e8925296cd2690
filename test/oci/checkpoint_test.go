//go:build linux

package oci

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/moby/sys/mountinfo"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// counter counts for ever, into a file of a tmpfs. The wait is the shell's own, so that
// there is one process.
const counter = `n=0; while true; do n=$((n+1)); echo $n > /count/next; mv /count/next /count/now; usleep 20000; done`

// newCounter is a bundle that counts. Where criu cannot work the test is skipped.
func newCounter(t *testing.T) *bundle {
	t.Helper()
	if _, err := exec.LookPath("criu"); err != nil {
		t.Skip("criu is not installed")
	}
	forgetKernel(t)
	if out, err := exec.Command("criu", "check").CombinedOutput(); err != nil {
		t.Skipf("criu does not work with this kernel: %s", out)
	}
	b := newBundle(t, counter)
	for _, name := range []string{"mv", "usleep"} {
		b.must(os.Symlink("busybox", b.path("rootfs/bin", name)))
	}
	b.must(os.Mkdir(b.path("rootfs/count"), 0o755))
	b.spec.Mounts = append(b.spec.Mounts, specs.Mount{Destination: "/count", Type: "tmpfs", Source: "tmpfs"})
	return b
}

// forgetKernel removes what criu remembers of the kernel.
func forgetKernel(t *testing.T) {
	cache := "/run/criu.kdat"
	if _, err := os.Stat(cache); err != nil {
		t.Cleanup(func() { os.Remove(cache) }) // there may be none
	}
}

// count is how far a container has counted.
func (b *bundle) count(id string) int {
	b.t.Helper()
	data, err := os.ReadFile("/proc/" + strconv.Itoa(b.state(id).Pid) + "/root/count/now")
	n, _ := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return 0
	}
	return n
}

// counts waits until a container has counted further.
func (b *bundle) counts(id string, from int) int {
	b.t.Helper()
	n := 0
	b.waitFor("counted past "+strconv.Itoa(from), func() bool { n = b.count(id); return n > from })
	return n
}

// criu is ok for a verb that uses criu. What criu says is shown when it fails.
func (b *bundle) criu(images string, args ...string) {
	b.t.Helper()
	out, code := b.do(append([]string{args[0], "--image-path", images}, args[1:]...)...)
	if code == 0 {
		return
	}
	for _, name := range []string{"dump.log", "restore.log"} {
		log, _ := os.ReadFile(filepath.Join(images, name)) // there is one of them
		lines := strings.Split(string(log), "\n")
		b.t.Logf("%s:\n%s", name, strings.Join(lines[max(0, len(lines)-60):], "\n"))
	}
	b.t.Fatalf("%v: exit code %d: %s", args, code, out)
}

func mounts(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestARestoredContainerGoesOnWhereItWas(t *testing.T) {
	b := newCounter(t).save()
	images, before := filepath.Join(t.TempDir(), "images"), mounts(t)
	b.ok("run", "--detach", "--bundle", b.dir, "a")
	b.counts("a", 10)
	b.criu(images, "checkpoint", "a")
	b.refused("container does not exist", "state", "a")

	pidFile := filepath.Join(t.TempDir(), "pid")
	b.criu(images, "restore", "--detach", "--bundle", b.dir, "--pid-file", pidFile, "a")
	s := b.state("a")
	if pid, err := os.ReadFile(pidFile); err != nil || s.Status != specs.StateRunning || strconv.Itoa(s.Pid) != string(pid) {
		t.Errorf("%+v, pid file %q %v", s, pid, err)
	}
	if n := b.counts("a", 10); n > 5000 {
		t.Errorf("it counts from %d", n)
	}
	if out := b.ok("exec", "a", "cat", "/proc/1/comm"); out != "sh\n" {
		t.Errorf("%q", out)
	}
	b.ok("pause", "a")
	b.ok("resume", "a")
	b.ok("kill", "a", "KILL")
	b.waitFor("stopped", func() bool { return b.state("a").Status == specs.StateStopped })
	b.ok("delete", "a")
	if after := mounts(t); after != before {
		t.Errorf("mounts before:\n%s\nand after:\n%s", before, after)
	}
}

func TestAContainerCanGoOnAfterItsCheckpointAndHaveACopy(t *testing.T) {
	b := newCounter(t).save()
	images := filepath.Join(t.TempDir(), "images")
	b.ok("run", "--detach", "--bundle", b.dir, "a")
	defer b.ok("delete", "--force", "a")
	b.counts("a", 5)
	pid := b.state("a").Pid
	b.criu(images, "checkpoint", "--leave-running", "--work-path", filepath.Join(t.TempDir(), "work"), "a")
	if s := b.state("a"); s.Status != specs.StateRunning || s.Pid != pid {
		t.Errorf("%+v, it was %d", s, pid)
	}
	n := b.count("a")
	b.counts("a", n)

	// Another ID has another control group.
	group := b.spec.Linux.CgroupsPath
	b.spec.Linux.CgroupsPath += "-copy"
	b.save()
	b.criu(images, "restore", "--detach", "--bundle", b.dir, "b")
	b.counts("b", 5)
	text, err := os.ReadFile("/proc/" + strconv.Itoa(b.state("b").Pid) + "/cgroup")
	if err != nil || !strings.Contains(string(text), group+"-copy") {
		t.Errorf("%q %v", text, err)
	}
	b.ok("delete", "--force", "b")
	b.spec.Linux.CgroupsPath = group
	b.save()
}

func TestWhatIsWrittenBeforehandNeedNotBeWrittenAgain(t *testing.T) {
	b := newCounter(t).save()
	if out, err := exec.Command("criu", "check", "--feature", "mem_dirty_track").CombinedOutput(); err != nil {
		t.Skipf("this kernel does not track which memory is written to: %s", out)
	}
	dir := t.TempDir()
	b.ok("run", "--detach", "--bundle", b.dir, "a")
	b.counts("a", 5)
	b.criu(filepath.Join(dir, "1"), "checkpoint", "--pre-dump", "a")
	b.counts("a", b.count("a"))
	b.refused("--parent-path is relative", "checkpoint", "--image-path", filepath.Join(dir, "2"), "--parent-path", dir, "a")
	b.criu(filepath.Join(dir, "2"), "checkpoint", "--parent-path", "../1", "a")
	b.criu(filepath.Join(dir, "2"), "restore", "--detach", "--bundle", b.dir, "a")
	b.counts("a", 5)
	b.ok("delete", "--force", "a")
}

func TestMountsStreamsAndTheNetworkFromOutsideAreThereAgain(t *testing.T) {
	b := newCounter(t)
	source := t.TempDir()
	b.must(os.WriteFile(filepath.Join(source, "file"), []byte("outside\n"), 0o644))
	b.spec.Mounts = append(b.spec.Mounts,
		specs.Mount{Destination: "/mnt/new/dir", Type: "bind", Source: source, Options: []string{"bind", "ro"}},
		specs.Mount{Destination: "/etc/file", Type: "bind", Source: filepath.Join(source, "file"), Options: []string{"bind"}})
	holder := exec.Command(busybox, "sleep", "1000")
	holder.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	b.must(holder.Start())
	defer holder.Wait() // its end is ours
	defer holder.Process.Kill()
	network := "/proc/" + strconv.Itoa(holder.Process.Pid) + "/ns/net"
	for i, ns := range b.spec.Linux.Namespaces {
		if ns.Type == specs.NetworkNamespace {
			b.spec.Linux.Namespaces[i].Path = network
		}
	}
	b.save()
	images := filepath.Join(t.TempDir(), "images")
	b.ok("run", "--detach", "--bundle", b.dir, "a")
	b.counts("a", 5)
	b.criu(images, "checkpoint", "a")
	// A new root has no places for mounts.
	b.must(os.RemoveAll(b.path("rootfs/mnt")))
	b.must(os.Remove(b.path("rootfs/etc/file")))
	b.criu(images, "restore", "--detach", "--bundle", b.dir, "a")
	b.counts("a", 5)
	if out := b.ok("exec", "a", "cat", "/mnt/new/dir/file", "/etc/file"); out != "outside\noutside\n" {
		t.Errorf("%q", out)
	}
	if out, code := b.do("exec", "a", "touch", "/mnt/new/dir/file"); code == 0 {
		t.Errorf("a read-only mount can be written to: %s", out)
	}
	ours, err := os.Readlink(network)
	b.must(err)
	if theirs, err := os.Readlink("/proc/" + strconv.Itoa(b.state("a").Pid) + "/ns/net"); err != nil || theirs != ours {
		t.Errorf("%s %v, not %s", theirs, err, ours)
	}
	b.ok("delete", "--force", "a")
}

func TestAContainerWithUsersOfItsOwnIsRestored(t *testing.T) {
	b := newCounter(t)
	if dev, err := mountinfo.GetMounts(mountinfo.SingleEntryFilter("/dev")); err != nil || len(dev) == 0 || dev[0].Optional != "" {
		t.Skipf("criu cannot restore a container that has devices of the host's mounted where they propagate: %v", err)
	}
	ids := []specs.LinuxIDMapping{{HostID: 100000, Size: 65536}}
	b.spec.Linux.Namespaces = append(b.spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
	b.spec.Linux.UIDMappings, b.spec.Linux.GIDMappings = ids, ids
	b.save()
	images := filepath.Join(t.TempDir(), "images")
	b.ok("run", "--detach", "--bundle", b.dir, "a")
	b.counts("a", 5)
	b.criu(images, "checkpoint", "a")
	b.criu(images, "restore", "--detach", "--bundle", b.dir, "a")
	b.counts("a", 5)
	var st syscall.Stat_t
	if err := syscall.Stat("/proc/"+strconv.Itoa(b.state("a").Pid), &st); err != nil || st.Uid != 100000 {
		t.Errorf("it runs as %d %v", st.Uid, err)
	}
	b.ok("delete", "--force", "a")
}

func TestARestoredContainerInTheForegroundGivesItsExitCode(t *testing.T) {
	b := newCounter(t)
	b.spec.Process.Args[2] = strings.Replace(counter, "while true", "while [ ! -e /data/end ]", 1) + "; echo ends; exit 7"
	b.save()
	images := filepath.Join(t.TempDir(), "images")
	b.ok("run", "--detach", "--bundle", b.dir, "a")
	b.counts("a", 5)
	b.criu(images, "checkpoint", "a")
	b.must(os.WriteFile(b.path("rootfs/data/end"), nil, 0o644))
	if out, code := b.do("restore", "--image-path", images, "--bundle", b.dir, "a"); code != 7 || out != "ends\n" {
		t.Errorf("%d %q", code, out)
	}
}

func TestATerminalIsHandedOverAgain(t *testing.T) {
	b := newCounter(t)
	b.spec.Process.Terminal = true
	b.spec.Process.Args = []string{"sh", "-c", "while read line; do echo got $line; done"}
	b.save()
	path, images := filepath.Join(t.TempDir(), "socket"), filepath.Join(t.TempDir(), "images")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	b.must(err)
	defer listener.Close()
	talk := func(master *os.File, word string) {
		t.Helper()
		_, err := master.WriteString(word + "\n")
		b.must(err)
		buf, got := make([]byte, 64), ""
		for !strings.Contains(got, "got "+word) {
			n, err := master.Read(buf)
			b.must(err)
			got += string(buf[:n])
		}
	}
	b.ok("run", "--detach", "--bundle", b.dir, "--console-socket", path, "a")
	master := b.receive(listener)
	talk(master, "one")
	b.criu(images, "checkpoint", "a")
	master.Close()
	b.criu(images, "restore", "--detach", "--bundle", b.dir, "--console-socket", path, "a")
	master = b.receive(listener)
	defer master.Close()
	talk(master, "two")
	b.ok("delete", "--force", "a")
}

func TestHooksRunWhenAContainerIsRestored(t *testing.T) {
	b := newCounter(t)
	log := filepath.Join(t.TempDir(), "log")
	hook := func(name string) []specs.Hook {
		return []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "cat >/dev/null; echo " + name + " >> " + log}}}
	}
	b.spec.Hooks = &specs.Hooks{CreateRuntime: hook("createRuntime"), Poststop: hook("poststop")}
	b.save()
	images := filepath.Join(t.TempDir(), "images")
	b.ok("run", "--detach", "--bundle", b.dir, "a")
	b.counts("a", 1)
	b.criu(images, "checkpoint", "a")
	b.criu(images, "restore", "--detach", "--bundle", b.dir, "a")
	b.ok("delete", "--force", "a")
	text, err := os.ReadFile(log)
	if want := "createRuntime\npoststop\ncreateRuntime\npoststop\n"; err != nil || string(text) != want {
		t.Errorf("%q %v", text, err)
	}
	b.spec.Hooks.CreateRuntime[0].Args = []string{"sh", "-c", "exit 1"}
	b.save()
	b.refused("error running createRuntime hook #0", "restore", "--image-path", images, "--detach", "--bundle", b.dir, "a")
}

func TestACheckpointThatFailsChangesNothing(t *testing.T) {
	b := newCounter(t)
	// An open file that has no name is put into the checkpoint only when it is small.
	b.spec.Process.Args[2] = "head -c 3000000 /dev/zero > /data/big; exec 5</data/big; rm /data/big; " + counter
	for _, name := range []string{"head", "rm"} {
		b.must(os.Symlink("busybox", b.path("rootfs/bin", name)))
	}
	b.save()
	images := filepath.Join(t.TempDir(), "images")
	b.ok("run", "--detach", "--bundle", b.dir, "a")
	defer b.ok("delete", "--force", "a")
	b.counts("a", 5)
	pid := b.state("a").Pid
	b.refused("the log is "+images+"/dump.log", "checkpoint", "--image-path", images, "a")
	if s := b.state("a"); s.Status != specs.StateRunning || s.Pid != pid {
		t.Errorf("%+v, it was %d", s, pid)
	}
	b.counts("a", b.count("a"))
}

func TestARestoreThatFailsLeavesNothing(t *testing.T) {
	b := newCounter(t).save()
	images, before := filepath.Join(t.TempDir(), "images"), mounts(t)
	b.refused("no such file or directory", "restore", "--image-path", images, "--detach", "--bundle", b.dir, "a")
	b.ok("run", "--detach", "--bundle", b.dir, "a")
	b.counts("a", 5)
	b.criu(images, "checkpoint", "a")
	b.must(os.Remove(filepath.Join(images, "core-1.img"))) // cut short, pages make criu read for ever
	b.refused("the log is "+images+"/restore.log", "restore", "--image-path", images, "--detach", "--bundle", b.dir, "a")
	b.refused("container does not exist", "state", "a")
	if after := mounts(t); after != before {
		t.Errorf("mounts before:\n%s\nand after:\n%s", before, after)
	}
}

func TestCheckpointAndRestoreSayWhatTheyLack(t *testing.T) {
	forgetKernel(t)
	b := newBundle(t, "exec sleep 1000").save()
	images := filepath.Join(t.TempDir(), "images")
	b.ok("run", "--detach", "--bundle", b.dir, "a")
	defer b.ok("delete", "--force", "a")
	for _, flag := range []string{"--lazy-pages", "--page-server=127.0.0.1:1", "--status-fd=3"} {
		b.refused(strings.Split(flag, "=")[0]+" is not supported", "checkpoint", flag, "a")
	}
	b.refused("invalid manage-cgroups-mode value", "checkpoint", "--manage-cgroups-mode", "some", "a")
	without := func(args ...string) {
		cmd := b.command(args...)
		cmd.Env = append(slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, "PATH=") }), "PATH=/nowhere")
		if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "need the program criu, which is not in $PATH") {
			t.Errorf("%v: %v %s", args, err, out)
		}
	}
	without("checkpoint", "--image-path", images, "a")
	without("restore", "--image-path", images, "--bundle", b.dir, "b")
	if _, err := exec.LookPath("criu"); err == nil {
		if err := exec.Command("criu", "check").Run(); err != nil {
			b.refused("the log is "+images+"/dump.log", "checkpoint", "--image-path", images, "a")
		}
	}
	if s := b.state("a"); s.Status != specs.StateRunning {
		t.Errorf("%+v", s)
	}
}

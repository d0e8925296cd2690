//go:build linux

package oci

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestExecRunsFurtherProcesses(t *testing.T) {
	b := newBundle(t, "exec sleep 1000").save()
	b.ok("run", "-d", "-b", b.dir, "a")
	defer b.ok("delete", "-f", "a")
	if out, code := b.do("exec", "-u", "1000:2000", "-e", "A=1", "--cwd", "/tmp", "a", "sh", "-c", "id; pwd; echo $A; exit 7"); code != 7 || out != "uid=1000 gid=2000\n/tmp\n1\n" {
		t.Errorf("%d %q", code, out)
	}
	if out, code := b.do("exec", "a", "nosuch"); code != 255 || !strings.Contains(out, `exec failed: unable to start container process: exec: \"nosuch\": executable file not found in $PATH`) {
		t.Errorf("%d %q", code, out)
	}
	pid := filepath.Join(t.TempDir(), "pid")
	b.ok("exec", "--detach", "--pid-file", pid, "a", "sleep", "1000")
	if text, err := os.ReadFile(pid); err != nil || !strings.Contains(b.ok("ps", "--format", "json", "a"), string(text)) {
		t.Errorf("%s %v", text, err)
	}
}

func TestExecGoesIntoAGroupBelowTheContainers(t *testing.T) {
	b := newBundle(t, "exec sleep 1000").save()
	b.ok("run", "-d", "-b", b.dir, "a")
	defer b.ok("delete", "--force", "a")
	own, err := os.ReadFile("/proc/" + strconv.Itoa(b.state("a").Pid) + "/cgroup")
	b.must(err)
	made := 0
	for line := range strings.Lines(string(own)) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		for _, dir := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/" + strings.TrimPrefix(f[1], "name="), "/sys/fs/cgroup/unified"} {
			if _, err := os.Stat(dir + f[2] + "/cgroup.procs"); err != nil || f[2] == "/" {
				continue
			}
			b.must(os.Mkdir(dir+f[2]+"/below", 0o755))
			made++
			for _, file := range []string{"cpuset.cpus", "cpuset.mems"} { // which are empty on version 1
				if text, err := os.ReadFile(dir + f[2] + "/" + file); err == nil && len(text) > 1 {
					b.must(os.WriteFile(dir+f[2]+"/below/"+file, text, 0))
				}
			}
			break
		}
	}
	if made == 0 {
		t.Fatalf("no group of %q is there", own)
	}
	out := b.ok("exec", "--cgroup", "below", "a", "cat", "/proc/self/cgroup")
	if n := strings.Count(out, "/below\n"); n != made {
		t.Errorf("in %d of %d groups below:\n%s", n, made, out)
	}
	if out := b.ok("exec", "a", "cat", "/proc/self/cgroup"); strings.Contains(out, "below") {
		t.Errorf("without the flag:\n%s", out)
	}
	b.refused("", "exec", "--cgroup", "none", "a", "cat", "/proc/self/cgroup")
	b.refused("single controllers", "exec", "--cgroup", "cpu:below", "a", "true")
}

func TestExecInAContainerThatHasEndedIsRefused(t *testing.T) {
	b := newBundle(t, "exit 0").save()
	b.ok("run", "--keep", "-b", b.dir, "a")
	b.refused("cannot exec in a stopped container", "exec", "a", "id")
	b.refused("container does not exist", "exec", "b", "id")
	b.ok("delete", "a")
}

func TestTheTerminalGoesToTheConsoleSocket(t *testing.T) {
	b := newBundle(t, "tty; readlink /proc/self/fd/0; exec sleep 1000")
	b.spec.Process.Terminal = true
	b.save()
	b.refused("cannot allocate tty if runc will detach without setting console socket", "create", "-b", b.dir, "a")
	path := filepath.Join(t.TempDir(), "console")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	b.must(err)
	defer listener.Close()
	b.ok("create", "-b", b.dir, "--console-socket", path, "a")
	defer b.ok("delete", "-f", "a")
	master := b.receive(listener)
	defer master.Close()
	b.ok("start", "a")
	buf := make([]byte, 64)
	got := ""
	for !strings.Contains(got, "\n/dev/pts/0\r\n") {
		n, err := master.Read(buf)
		b.must(err)
		got += string(buf[:n])
	}
}

// receive takes the descriptor that comes to a console socket.
func (b *bundle) receive(listener *net.UnixListener) *os.File {
	b.t.Helper()
	conn, err := listener.AcceptUnix()
	b.must(err)
	defer conn.Close()
	name, control := make([]byte, 64), make([]byte, unix.CmsgSpace(4))
	n, oobn, _, _, err := conn.ReadMsgUnix(name, control)
	b.must(err)
	messages, err := unix.ParseSocketControlMessage(control[:oobn])
	b.must(err)
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 || string(name[:n]) != "/dev/ptmx" {
		b.t.Fatalf("%v %q %v", fds, name[:n], err)
	}
	return os.NewFile(uintptr(fds[0]), "console")
}

func TestDescriptorsArePreserved(t *testing.T) {
	b := newBundle(t, "cat <&3; cat <&4; ls /proc/self/fd").save()
	cmd := b.command("run", "--preserve-fds", "2", "-b", b.dir, "a")
	for _, text := range []string{"three ", "four "} {
		name := filepath.Join(t.TempDir(), "file")
		b.must(os.WriteFile(name, []byte(text), 0o600))
		f, err := os.Open(name)
		b.must(err)
		defer f.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
	}
	out, err := cmd.Output()
	if err != nil || string(out) != "three four 0\n1\n2\n3\n4\n5\n" { // 5 is the directory itself
		t.Errorf("%q %v", out, err)
	}
	b.refused("please check that preserved-fd", "run", "--preserve-fds", "9", "-b", b.dir, "a")
}

func TestNobodyWritesToTheRuntime(t *testing.T) {
	b := newBundle(t, "exec sleep 1000").save()
	data, err := os.ReadFile(b.binary)
	b.must(err)
	b.binary = b.path("runtime") // nobody else executes this one, which would forbid writing too
	b.must(os.WriteFile(b.binary, data, 0o755))
	b.ok("create", "-b", b.dir, "a")
	var state struct{ Pid int }
	out, _ := b.do("state", "a")
	b.must(json.Unmarshal([]byte(out), &state))
	// It waits, and is not its own program yet.
	exe := "/proc/" + strconv.Itoa(state.Pid) + "/exe"
	if name, err := os.Readlink(exe); err != nil || name != "/memfd:blank (deleted)" {
		t.Errorf("the executable of a process that waits is %q %v", name, err)
	}
	if f, err := os.OpenFile(exe, os.O_WRONLY, 0); err == nil {
		if _, err := f.Write([]byte("x")); err == nil {
			t.Error("the executable of a process that waits can be written to")
		}
		f.Close()
	}
	if line, err := os.ReadFile("/proc/" + strconv.Itoa(state.Pid) + "/cmdline"); err != nil || len(line) > 0 {
		t.Errorf("the command line of a process that waits is %q %v", line, err)
	}
	b.ok("delete", "--force", "a")
	if f, err := os.OpenFile(b.binary, os.O_WRONLY, 0); err != nil {
		t.Error("the test shows nothing:", err)
	} else {
		f.Close()
	}
}

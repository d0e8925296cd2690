//go:build linux

package smoke

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// One daemon serves all the parts: each leaves it without containers.
func TestTheEngineOnAHostWithCgroupVersion2(t *testing.T) {
	e := start(t)
	for _, part := range []struct {
		name string
		run  func(*engine)
	}{
		{"TheEmbeddedImageGreets", greets},
		{"LimitsAreSeenInside", limits},
		{"TheGroupIsReadOnlyInside", readOnly},
		{"APrivilegedContainerMakesGroupsThatGoWithIt", nested},
		{"AnExecWorksInAContainerThatHandsItsControllersDown", handedDown},
		{"TheHostsCgroupNamespaceShowsWhereTheContainerIs", hostNamespace},
		{"TooMuchMemoryIsKilledAndTold", outOfMemory},
		{"TooManyProcessesAreRefused", tooManyProcesses},
		{"AForeignDeviceCannotBeOpened", devices},
		{"AnExecIsInTheContainersGroup", execJoins},
		{"PublishedPortsAnswer", ports},
		{"ContainersOutliveAKilledDaemon", recovery},
	} {
		t.Run(part.name, func(t *testing.T) {
			e.T = t
			part.run(e)
			if left := e.ok("ps", "-aq"); left != "" {
				e.ok(append([]string{"rm", "-f"}, strings.Fields(left)...)...)
			}
			e.until("no container's group is left", func() bool { return len(groups(e)) == 0 })
		})
	}
}

// groups lists the containers' control groups.
func groups(e *engine) []string {
	list, err := filepath.Glob("/sys/fs/cgroup/berth/*/")
	if err != nil {
		e.Fatal(err)
	}
	return list
}

func greets(e *engine) {
	if out := e.ok("run", "--rm", "berth/hello"); !strings.Contains(out, "Hello from berth!") {
		e.Errorf("it says %q", out)
	}
}

func limits(e *engine) {
	e.prints("67108864\n50000 100000\n42\n0", sh("cd /sys/fs/cgroup; cat memory.max cpu.max pids.max cpuset.cpus.effective",
		"-m", "64m", "--cpus", "0.5", "--pids-limit", "42", "--cpuset-cpus", "0")...)
	e.prints("max\nmax 100000\nmax", sh("cd /sys/fs/cgroup; cat memory.max cpu.max pids.max")...)
}

func readOnly(e *engine) {
	e.prints("63677270\n0::/", sh("stat -f -c %t /sys/fs/cgroup; cat /proc/self/cgroup")...)
	out, code := e.run(sh("mkdir /sys/fs/cgroup/x")...)
	if code != 1 || !strings.Contains(out, "Read-only file system") {
		e.Errorf("exit code %d, %q", code, out)
	}
}

func nested(e *engine) {
	e.ok("run", "-d", "--name", "nest", "--privileged", "busybox", "sh", "-c",
		"mkdir -p /sys/fs/cgroup/a/b && echo 1 >/sys/fs/cgroup/a/b/cgroup.procs && echo nested && sleep 1000")
	e.until("the group is made", func() bool { return e.ok("logs", "nest") == "nested" })
	e.ok("rm", "-f", "nest")
}

// handedDown is what a daemon inside a container does: a group that hands its
// controllers down can have no processes of its own, an exec's neither.
func handedDown(e *engine) {
	e.ok("run", "-d", "--name", "dind", "--privileged", "busybox", "sh", "-c",
		"cd /sys/fs/cgroup && mkdir init && echo 1 >init/cgroup.procs && echo +pids >cgroup.subtree_control && echo handed down && sleep 1000")
	e.until("the controllers are handed down", func() bool { return e.ok("logs", "dind") == "handed down" })
	e.prints("0::/init", "exec", "dind", "cat", "/proc/self/cgroup")
}

func hostNamespace(e *engine) {
	if out := e.ok(sh("cat /proc/self/cgroup", "--cgroupns", "host")...); !strings.HasPrefix(out, "0::/berth/") {
		e.Errorf("it is in %s", out)
	}
}

func outOfMemory(e *engine) {
	_, code := e.run("run", "--name", "oom", "-m", "16m", "busybox", "dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=1")
	if code != 137 {
		e.Errorf("exit code %d, want 137", code)
	}
	e.prints("true 137", "inspect", "-f", "{{.State.OOMKilled}} {{.State.ExitCode}}", "oom")
}

func tooManyProcesses(e *engine) {
	out, code := e.run(sh("for i in 1 2 3 4 5 6 7 8; do sleep 1000 & done; echo all", "--pids-limit", "5")...)
	if code == 0 || !strings.Contains(out, "can't fork") {
		e.Errorf("exit code %d, %q", code, out)
	}
}

func devices(e *engine) {
	var st unix.Stat_t
	if err := unix.Stat("/dev/vda", &st); err != nil {
		e.Fatal(err)
	}
	make := fmt.Sprintf("mknod /tmp/d b %d %d && ", unix.Major(st.Rdev), unix.Minor(st.Rdev))
	read := "dd if=/tmp/d of=/dev/null bs=512 count=1"
	out, code := e.run(sh(make + read)...)
	if code != 1 || !strings.Contains(out, "can't open '/tmp/d': Operation not permitted") {
		e.Errorf("opened: exit code %d, %q", code, out)
	}
	e.ok(sh(make+read, "--privileged")...)
	e.ok(sh("dd if=/dev/vda of=/dev/null bs=512 count=1", "--device", "/dev/vda:/dev/vda:r")...)
	e.ok(sh("head -c 8 /dev/urandom >/dev/null && : >/dev/full")...)
}

func execJoins(e *engine) {
	e.ok("run", "-d", "--name", "box", "busybox", "sleep", "1000")
	pids := strings.Fields(e.ok("exec", "box", "cat", "/sys/fs/cgroup/cgroup.procs"))
	if len(pids) != 2 || pids[0] != "1" || pids[1] == "0" {
		e.Errorf("the group has %v", pids)
	}
	e.prints("0::/", "exec", "box", "cat", "/proc/self/cgroup")
}

func ports(e *engine) {
	e.ok("run", "-d", "--name", "web", "-p", "18080:80", "-p", "127.0.0.1:18081:80", "berth/hello", "serve", ":80")
	for _, at := range []string{"127.0.0.1:18080", "192.0.2.2:18080", "127.0.0.1:18081"} {
		client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
		e.until(at+" answers", func() bool {
			resp, err := client.Get("http://" + at)
			if err != nil {
				return false
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			return err == nil && strings.Contains(string(body), "Hello from berth!")
		})
	}
}

func recovery(e *engine) {
	dir := e.TempDir()
	await := "echo up; until [ -e /v/go ]; do sleep 0.05; done; echo down; exit 3"
	e.ok("run", "-d", "--name", "meanwhile", "-v", dir+":/v", "busybox", "sh", "-c", await)
	e.ok("run", "-d", "--name", "on", "busybox", "sh", "-c", "trap 'exit 7' TERM; echo up; while :; do sleep 0.05; done")
	e.until("both are up", func() bool { return e.ok("logs", "meanwhile") == "up" && e.ok("logs", "on") == "up" })
	pid := e.ok("inspect", "-f", "{{.State.Pid}}", "meanwhile")

	e.end(syscall.SIGKILL)
	if err := os.WriteFile(dir+"/go", nil, 0o644); err != nil {
		e.Fatal(err)
	}
	e.until("the one ends without a daemon", func() bool {
		_, err := os.Stat("/proc/" + pid)
		return os.IsNotExist(err)
	})
	e.begin()

	e.prints("3", "wait", "meanwhile")
	e.prints("up\ndown", "logs", "meanwhile")
	e.prints("true", "inspect", "-f", "{{.State.Running}}", "on")
	e.prints("0::/", "exec", "on", "cat", "/proc/self/cgroup")
	e.ok("stop", "-t", "60", "on")
	e.prints("7", "wait", "on")
}

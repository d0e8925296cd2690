//go:build linux

package integration

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"berth/test/harness"
)

func TestTheEmbeddedImageGreets(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		c.Prints("hello there", "run", "--rm", "berth/hello", "echo", "hello there")
		c.Prints("", "ps", "-aq")
	})
}

func TestRunEndsWithTheExitCodeThatDockerGives(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		c.Fails(0, "", "run", "--rm", busybox, "true")
		c.Fails(7, "", "run", "--rm", busybox, "sh", "-c", "exit 7")
		c.Fails(255, "", "run", "--rm", busybox, "sh", "-c", "exit 255")
		c.Fails(128+9, "", "run", "--rm", busybox, "sh", "-c", "sh -c 'kill -9 $$'; exit $?")
		c.Fails(125, "", "run", "--rm", "--no-such-flag", busybox, "true")
		c.Fails(125, "", "run", "--rm", "no-such-image:here", "true")
		c.Fails(126, "permission denied", "run", "--rm", busybox, "/etc/passwd")
		c.Fails(127, "no such file or directory", "run", "--rm", busybox, "/bin/no-such-program")
		c.Fails(127, "executable file not found in $PATH", "run", "--rm", busybox, "no-such-program")
		c.Prints("", "ps", "-aq")
	})
}

func TestRunPassesStandardInputAndKeepsTheOutputsApart(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		r := c.In(strings.NewReader("one\ntwo\n")).Run("run", "--rm", "-i", busybox, "sh", "-c", "cat; echo bad >&2; exit 3")
		if r != (harness.Result{Stdout: "one\ntwo\n", Stderr: "bad\n", Code: 3}) {
			t.Errorf("got %+v", r)
		}
		// Without -i, stdin is empty.
		c.In(strings.NewReader("ignored")).Prints("end", "run", "--rm", busybox, "sh", "-c", "cat; echo end")
	})
}

func TestRunSetsUpTheProcessAsItsFlagsSay(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "in"), []byte("from the host"), 0o644); err != nil {
		t.Fatal(err)
	}
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		run := func(args ...string) []string { return append([]string{"run", "--rm"}, args...) }
		c.Prints("/tmp", run("-w", "/tmp", busybox, "pwd")...)
		c.Prints("/made/for/it", run("-w", "/made/for/it", busybox, "pwd")...)
		c.Prints("uid=33(www) gid=33(www) groups=33(www),44(extra)", run("-u", "www", busybox, "id")...)
		c.Prints("1234:0", run("-u", "1234", busybox, "sh", "-c", "echo $(id -u):$(id -g)")...)
		c.Prints("5:6", run("-u", "5:6", busybox, "sh", "-c", "echo $(id -u):$(id -g)")...)
		c.Prints("/root", run(busybox, "sh", "-c", "echo $HOME")...)
		c.Env("FROM_CLIENT=yes").Prints("a b|yes|/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			run("-e", "GIVEN=a b", "-e", "FROM_CLIENT", busybox, "sh", "-c", `echo "$GIVEN|$FROM_CLIENT|$PATH"`)...)
		c.Prints("ship|ship", run("--hostname", "ship", busybox, "sh", "-c", `echo "$(hostname)|$HOSTNAME"`)...)
		c.Prints("entry point", run("--entrypoint", "/bin/echo", busybox, "entry", "point")...)
		c.Prints("from the host", run("-v", dir+":/data:ro", busybox, "cat", "/data/in")...)
		c.Fails(1, "Read-only file system", run("-v", dir+":/data:ro", busybox, "touch", "/data/new")...)
		c.Prints("", run("-v", dir+":/data", busybox, "sh", "-c", "echo out > /data/"+c.Name)...)
		if b, err := os.ReadFile(filepath.Join(dir, c.Name)); err != nil || string(b) != "out\n" {
			t.Errorf("the host sees %q (%v)", b, err)
		}
		c.Prints("", run("-v", "kept"+c.Name+":/v", busybox, "sh", "-c", "echo kept > /v/file")...)
		c.Prints("kept", run("-v", "kept"+c.Name+":/v", busybox, "cat", "/v/file")...)
		c.Fails(1, "Read-only file system", run("--read-only", busybox, "touch", "/file")...)
		c.Prints("ok", run("--read-only", busybox, "sh", "-c", "touch /dev/shm/file && echo ok")...)
		c.Prints("1", run(busybox, "sh", "-c", "echo $$")...)
	})
}

func TestRunConfinesTheProcessAsItsFlagsSay(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		status := func(args ...string) string {
			return c.Must(append(append([]string{"run", "--rm"}, args...), busybox, "sh", "-c", "grep -E '^(CapEff|CapBnd|Seccomp|NoNewPrivs):' /proc/self/status | cut -f2 | xargs echo")...)
		}
		for _, at := range []struct {
			flags []string
			want  string
		}{
			{nil, "00000000a80425fb 00000000a80425fb 0 2"},
			{[]string{"--cap-drop", "ALL"}, "0000000000000000 0000000000000000 0 2"},
			{[]string{"--cap-drop", "all", "--cap-add", "net_admin"}, "0000000000001000 0000000000001000 0 2"},
			{[]string{"--cap-add", "SYS_TIME", "--cap-drop", "CHOWN"}, "00000000aa0425fa 00000000aa0425fa 0 2"},
			{[]string{"-u", "33"}, "0000000000000000 00000000a80425fb 0 2"},
		} {
			// The order in /proc is CapEff, CapBnd, NoNewPrivs, Seccomp.
			if got := status(at.flags...); got != at.want {
				t.Errorf("run %v: %s, want %s", at.flags, got, at.want)
			}
		}
		if got := strings.Fields(status("--privileged")); len(got) != 4 || got[3] != "0" || got[0] == "00000000a80425fb" {
			t.Errorf("a privileged container has %v", got)
		}
		c.Fails(1, "permission denied", "run", "--rm", busybox, "mount", "-t", "tmpfs", "none", "/tmp")
		c.Prints("ok", "run", "--rm", "--privileged", busybox, "sh", "-c", "mount -t tmpfs none /tmp && echo ok")
		c.Fails(1, "Read-only file system", "run", "--rm", busybox, "sh", "-c", "echo ship > /proc/sys/kernel/hostname")
		c.Prints("0", "run", "--rm", busybox, "sh", "-c", "cat /proc/kcore | wc -c")
	})
}

func TestLimitsReachTheControlGroup(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	// Whichever version of control groups the host has, these say it.
	script := `cd /sys/fs/cgroup
if [ -e cgroup.controllers ]; then
  echo memory $(cat memory.max); echo cpu $(cat cpu.max); echo pids $(cat pids.max)
else
  echo memory $(cat memory/memory.limit_in_bytes); echo cpu $(cat cpu/cpu.cfs_quota_us) $(cat cpu/cpu.cfs_period_us); echo pids $(cat pids/pids.max)
fi`
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		c.Prints("memory 67108864\ncpu 150000 100000\npids 50",
			"run", "--rm", "-m", "64m", "--cpus", "1.5", "--pids-limit", "50", busybox, "sh", "-c", script)
		c.Fails(2, "can't fork", "run", "--rm", "--pids-limit", "5", busybox, "sh", "-c", "sleep 50 & sleep 50 & sleep 50 & sleep 50 & sleep 50 & sleep 50 & true")
	})
}

func TestNetworksOfAContainer(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	hostNS, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		const ns = "readlink /proc/self/ns/net"
		c.Prints("lo", "run", "--rm", "--network", "none", busybox, "ls", "/sys/class/net")
		c.Prints("eth0\nlo", "run", "--rm", busybox, "ls", "/sys/class/net")
		c.Prints(hostNS, "run", "--rm", "--network", "host", busybox, "sh", "-c", ns)
		first := c.Must("run", "-d", "--name", "first-"+c.Name, busybox, "sleep", "1000")
		same := c.Must("exec", first, "sh", "-c", ns)
		if same == hostNS {
			t.Error("a container on the bridge is in the host's network namespace")
		}
		c.Prints(same, "run", "--rm", "--network", "container:first-"+c.Name, busybox, "sh", "-c", ns)
		address := c.Must("inspect", "-f", "{{.NetworkSettings.Networks.bridge.IPAddress}}", first)
		c.Prints("ok", "run", "--rm", busybox, "sh", "-c", "ping -c 1 -w 60 "+address+" > /dev/null && echo ok")
		c.Prints("ok", "run", "--rm", busybox, "sh", "-c", "ping -c 1 -w 60 "+d.Gateway()+" > /dev/null && echo ok")
		c.Must("rm", "-f", first)
	})
}

func TestSignalsAreForwarded(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	busybox := d.Busybox()
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		p := c.Begin("run", "--rm", "-i", busybox, "sh", "-c", "trap 'echo caught; exit 5' USR1; echo ready; while :; do sleep 0.1; done")
		p.Await("ready")
		p.Signal(syscall.SIGUSR1)
		p.Await("caught")
		if r := p.Ends(); r.Code != 5 {
			t.Errorf("got %+v", r)
		}
		p = c.Begin("run", "--rm", busybox, "sh", "-c", "trap 'exit 143' TERM; echo ready; while :; do sleep 0.1; done")
		p.Await("ready")
		p.Signal(syscall.SIGTERM)
		if r := p.Ends(); r.Code != 128+15 {
			t.Errorf("got %+v", r)
		}
	})
}

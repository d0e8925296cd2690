//go:build linux

package integration

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"berth/test/harness"
)

// seen is what a container can see of how it was made. Only what differs from one
// start to the next in any case is left out.
const seen = `
sed 's/^[0-9]* [0-9]* [0-9]*:[0-9]* //; s/lowerdir.*//; s/ - / /' /proc/self/mountinfo | sort
grep -E '^(Cap|NoNewPrivs|Seccomp|Uid|Gid|Groups|NSpid|Umask|SigIgn|SigBlk)' /proc/self/status
cat /proc/self/cgroup /proc/self/limits /proc/self/oom_score_adj
env | sort; id; pwd; umask; tty
ls -l /dev /dev/pts /dev/shm /dev/mqueue | sed 's/ [A-Z][a-z][a-z]  *[0-9]* .*[0-9] / /; s/^total .*//'
ls -la /proc/self/fd | sed '/->/!d; s/.* \([0-9]*\) -> /\1 /; s/\[[0-9]*\]//; /^[dt]/d'
ls -d /proc/[0-9]*
cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/shmmax /proc/sys/net/core/somaxconn
echo x > /proc/sys/kernel/domainname; echo x > /ro; touch /proc/sys/x /sys/x; ls /proc/acpi /proc/scsi; cat /proc/kcore | head -c 1
cat /etc/resolv.conf; sed 's/^[0-9.]*/ip/' /etc/hosts
ip link 2>/dev/null | sed 's/@.*//; s/ [0-9a-f:]* brd.*//'
cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max
ls /x; readlink /proc/self/ns/* | sed 's/:.*//'
`

// warmVariants are containers that a sandbox can become.
func warmVariants(dir string) map[string][]string {
	return map[string][]string{
		"plain":                              nil,
		"limits":                             {"-m", "64m", "--pids-limit", "77", "--cpus", "0.5", "--cpu-shares", "100"},
		"another user":                       {"-u", "1000:1000", "--group-add", "7", "-w", "/tmp/made"},
		"rights":                             {"--cap-add", "NET_ADMIN", "--cap-drop", "CHOWN", "--security-opt", "no-new-privileges"},
		"no seccomp":                         {"--security-opt", "seccomp=unconfined", "--oom-score-adj", "300", "--ulimit", "nofile=100:200"},
		"read-only":                          {"--read-only", "--tmpfs", "/scratch:size=1m"},
		"mounts":                             {"-v", dir + ":/x:ro", "-v", "/vol", "--mount", "type=tmpfs,dst=/t,tmpfs-size=4096"},
		"a mount inside ours":                {"-v", dir + ":/dev/shm/x"},
		"its own /dev":                       {"-v", dir + ":/dev/x", "--tmpfs", "/sys/fs/x"},
		"shared memory":                      {"--shm-size", "1m"},
		"sysctls":                            {"--sysctl", "net.core.somaxconn=77", "--sysctl", "kernel.shmmax=12345678"},
		"a device":                           {"--device", "/dev/full:/dev/other"},
		"names":                              {"--hostname", "host", "--domainname", "dom", "--add-host", "a:1.2.3.4", "--dns", "9.9.9.9"},
		"no network":                         {"--network", "none"},
		"privileged":                         {"--privileged"},
		"the host's IPC":                     {"--ipc", "host"},
		"the host's cgroup":                  {"--cgroupns", "host"},
		"a working directory":                {"-w", "/proc/self"},
		"environment and entry":              {"-e", "A=b c", "-e", "PATH=/bin", "--entrypoint", "/bin/sh"},
		"a program that is not":              {"--entrypoint", "/no/such/program"},
		"a user that is not":                 {"-u", "nobody-like-that"},
		"a working directory that is a file": {"-w", "/bin/busybox"},
	}
}

func TestAWarmStartCannotBeToldFromAColdOne(t *testing.T) {
	t.Parallel()
	cold, warm := harness.Start(t, harness.WithArgs("--warm-sandboxes", "0")), harness.Start(t)
	image := cold.Busybox()
	warm.Busybox()
	inside := t.TempDir()
	c, w := cold.Client(t, "berth"), warm.Client(t, "berth")
	w.Must("run", "--rm", image, "true")
	w.Must("run", "--rm", "--network", "none", image, "true")
	id := regexp.MustCompile(`[0-9a-f]{64}|[0-9a-f]{12}|berth-t-[0-9]+|berth-[0-9a-f]+|172\.[0-9.]+|berth-test-[0-9]+|step [0-9]+ of [0-9]+`)
	warmed := 0
	for name, flags := range warmVariants(inside) {
		line := slices.Concat([]string{"create"}, flags, []string{image})
		if !slices.Contains(flags, "--entrypoint") {
			line = append(line, "sh")
		}
		line = append(line, "-c", seen)
		run := func(d *harness.Daemon, c harness.Client) (harness.Result, bool) {
			box := c.Must(line...)
			waited := slices.Contains(d.Sandboxes(), box)
			r := c.Run("start", "-a", box)
			c.Must("rm", "-fv", box)
			for _, text := range []*string{&r.Stdout, &r.Stderr} {
				*text = id.ReplaceAllString(*text, "ID")
			}
			return r, waited
		}
		want, _ := run(cold, c)
		harness.Eventually(t, "sandboxes", func() error {
			if len(warm.Sandboxes()) < 2 {
				return errors.New("none waits")
			}
			return nil
		})
		got, waited := run(warm, w)
		if waited {
			warmed++
		}
		if got != want {
			t.Errorf("%s (its sandbox waited: %v): %s", name, waited, difference(want, got))
		}
	}
	if warmed < 15 {
		t.Errorf("only %d of them had a sandbox", warmed)
	}
}

// difference shows the lines in which two results differ.
func difference(want, got harness.Result) string {
	var out strings.Builder
	lines := func(r harness.Result) []string {
		return slices.Concat(strings.Split(r.Stdout, "\n"), []string{"--"}, strings.Split(r.Stderr, "\n"), []string{"exit code " + string(rune('0'+r.Code%10))})
	}
	a, b := lines(want), lines(got)
	for _, line := range a {
		if !slices.Contains(b, line) {
			out.WriteString("\n- " + line)
		}
	}
	for _, line := range b {
		if !slices.Contains(a, line) {
			out.WriteString("\n+ " + line)
		}
	}
	if out.Len() == 0 {
		return "the order of lines"
	}
	return out.String()
}

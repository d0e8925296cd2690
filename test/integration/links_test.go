//go:build linux

package integration

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"berth/test/harness"
)

// linkLife is what a client sees of links, in an order in which each step prints what matters.
func linkLife(t *testing.T, c harness.Client) string {
	t.Helper()
	var seen strings.Builder
	run := func(args ...string) {
		r := c.Run(args...)
		lines := strings.SplitAfter(r.Stdout, "\n") // Docker's links have no order
		slices.Sort(lines)
		seen.WriteString(strings.Join(args, " ") + "\n" + strings.Join(lines, "") + r.Stderr)
	}
	quiet := func(args ...string) { c.Must(args...) }
	const look = `grep -v 'ip6\|localhost' /etc/hosts; env | grep -v '^PATH\|^HOSTNAME\|^HOME\|^PWD\|^SHLVL' | sort`
	quiet("run", "-d", "--name", "src", "--hostname", "h1", "--expose", "80-83", "--expose", "90/udp", "--expose", "90", "-e", "FOO=bar", "-e", "PATH=/x:/bin", "busybox", "sleep", "1000")
	quiet("run", "-d", "--name", "src-2", "--hostname", "h2", "busybox", "sleep", "1000")
	quiet("run", "-d", "--name", "shares", "--network", "container:src", "busybox", "sleep", "1000")
	quiet("run", "-d", "--name", "hosted", "--network", "host", "busybox", "sleep", "1000")
	run("run", "--name", "user", "--hostname", "me", "--link", "src:al", "--link", "src-2", "--link", "src-2:al", "busybox", "sh", "-c", look)
	run("run", "--name", "over", "--hostname", "me", "--link", "shares:s", "-e", "S_ENV_FOO=mine", "busybox", "sh", "-c", "env | grep S_ENV; env | grep S_NAME")
	run("inspect", "-f", "{{range .HostConfig.Links}}{{println .}}{{end}}{{json .Config.Env}}", "user")
	run("inspect", "-f", "{{json .HostConfig.Links}}", "over")
	quiet("create", "--name", "stopped", "busybox", "true")
	run("run", "--name", "early", "--link", "stopped:s", "busybox", "true")
	run("create", "--link", "nosuch:x", "busybox", "true")
	run("create", "--link", "hosted:x", "busybox", "true")
	run("create", "--network", "host", "--link", "src:x", "busybox", "true")
	run("run", "--name", "none", "--network", "none", "--link", "src:x", "busybox", "sh", "-c", look)
	run("rm", "--link", "user/al")
	run("rm", "--link", "user/al")
	run("rm", "--link", "user")
	run("inspect", "-f", "{{json .HostConfig.Links}}", "user")
	quiet("rename", "src-2", "renamed")
	run("inspect", "-f", "{{json .HostConfig.Links}}", "user")
	run("start", "-a", "user")
	quiet("run", "-d", "--name", "later", "--hostname", "me", "--link", "renamed:l", "busybox", "sleep", "1000")
	run("exec", "later", "sh", "-c", "env | grep L_NAME")
	quiet("rm", "-f", "renamed")
	run("inspect", "-f", "{{json .HostConfig.Links}}", "later")
	run("restart", "-t", "0", "later")
	quiet("rm", "-f", "user", "src", "shares", "hosted", "later", "over", "early", "none", "stopped")
	return regexp.MustCompile(`\d+\.\d+\.\d+\.\d+`).ReplaceAllString(seen.String(), "ADDRESS")
}

func TestALinkIsSeenInsideAsDockerShowsIt(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	d.Busybox()
	ours := linkLife(t, d.Client(t, "docker"))
	for _, want := range []string{"ADDRESS\tal h1 src\n", "AL_PORT=tcp://ADDRESS:80\n", "AL_PORT_90_UDP_PROTO=udp\n", "AL_NAME=/user/al\n", "S_ENV_FOO=mine\n", "/src:/user/al\n"} {
		if !strings.Contains(ours, want) {
			t.Errorf("there is no %q in\n%s", want, ours)
		}
	}
	theirs := linkLife(t, harness.StartDockerd(t).Client(t))
	if ours != theirs {
		t.Errorf("ours:\n%s\nDocker's:\n%s", ours, theirs)
	}
}

// TestTheHostsOfThoseLinkedToAContainerFollowItsAddress has another container take the address.
func TestTheHostsOfThoseLinkedToAContainerFollowItsAddress(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	c := d.Client(t, "docker")
	d.Busybox()
	c.Must("run", "-d", "--name", "src", "busybox", "sleep", "1000")
	c.Must("run", "-d", "--name", "user", "--link", "src:al", "busybox", "sleep", "1000")
	c.Must("exec", "user", "sh", "-c", "echo 10.1.1.1 mine >> /etc/hosts")
	c.Must("stop", "-t", "0", "src")
	c.Must("run", "-d", "--name", "thief", "busybox", "sleep", "1000")
	c.Must("start", "src")
	address := strings.TrimSpace(c.Must("inspect", "-f", "{{.NetworkSettings.IPAddress}}", "src"))
	hosts := c.Must("exec", "user", "cat", "/etc/hosts")
	if !strings.Contains(hosts, address+"\tal ") || !strings.Contains(hosts, "10.1.1.1 mine") {
		t.Errorf("%s is at %s, and the hosts are\n%s", "src", address, hosts)
	}
	// A link to one that has been removed keeps it from being started, and can be taken away.
	c.Must("rm", "-f", "src")
	c.Must("stop", "-t", "0", "user")
	c.Fails(1, "Cannot link to a non running container: /src AS /user/al", "start", "user")
	c.Must("rm", "--link", "user/al")
	d.Kill9()
	d.StartAgain()
	c.Must("start", "user")
}

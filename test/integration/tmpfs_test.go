//go:build linux

package integration

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"berth/test/harness"
)

// TestATmpfsIsAsDockers looks at tmpfs mounts of all options from inside, and at what is refused.
func TestATmpfsIsAsDockers(t *testing.T) {
	t.Parallel()
	docker, d := harness.StartDockerd(t), harness.Start(t)
	busybox := d.Busybox()
	theirs, ours := docker.Client(t), d.Client(t, "docker")
	const script = `for t in /t*; do grep " $t " /proc/mounts; stat -c '%a %u %g' $t; echo x > $t/x && cat $t/x; cp /bin/busybox $t/true && $t/true; ls $t | wc -l; done; touch /y && echo root`
	together := func(mount string, options ...string) (flags string) {
		for i, o := range options {
			flags += " " + fmt.Sprintf(mount, i+10, o)
		}
		return flags
	}
	id := regexp.MustCompile(`[0-9a-f]{64}`)
	for _, flags := range []string{
		together("--tmpfs /t%d%s", "", ":", ":size=1m", ":size=1m,mode=700", ":mode=1770,uid=33,gid=44", ":exec", ":rw,exec,suid,dev", ":ro", ":noexec,nosuid,nodev", ":nr_inodes=10", ":nr_blocks=16", ":size=10%", ":noatime",
			":strictatime", ":sync,dirsync", ":mpol=default", ":size=0", ":size=1m,size=2m", ":exec,noexec", ":size=4k", ":mode=0", "/", "/../tx"),
		together("--tmpfs /t%d%s", ":shared", ":rshared", ":private", ":rslave"),
		"--read-only" + together("--tmpfs /t%d%s", "", ":ro", ":exec") + together("--mount type=tmpfs,dst=/tm%d%s", "", ",readonly"),
		"--user 33:44" + together("--mount type=tmpfs,dst=/t%d%s", "", ",tmpfs-size=1m", ",tmpfs-mode=700", ",tmpfs-mode=1777,tmpfs-size=64k", ",readonly", ",tmpfs-size=5", ",tmpfs-size=0", ",tmpfs-mode=0", "/below"),
		"--tmpfs /etc", "--tmpfs /t --tmpfs /t:size=1m", "--tmpfs /t -v /t", "--tmpfs t", "--tmpfs /", "--tmpfs /t:nope", "--tmpfs /t:exec=1", "--tmpfs /t:huge=never", "--mount type=tmpfs,dst=t", "--mount type=tmpfs,dst=/",
		"--mount type=tmpfs", "--mount type=tmpfs,dst=/t,tmpfs-size=x", "--mount type=tmpfs,dst=/t,tmpfs-size=-1", "--mount type=tmpfs,dst=/t,tmpfs-mode=x", "--mount type=tmpfs,dst=/t,src=/x", "--mount type=tmpfs,dst=/t,bind-propagation=rshared",
	} {
		args := append(append([]string{"run", "--rm", "--network", "none"}, strings.Fields(flags)...), busybox, "sh", "-c", script)
		seen := func(c harness.Client) string {
			r := c.Run(args...)
			return id.ReplaceAllString(fmt.Sprintf("%s--\n%s--\n%d", r.Stdout, r.Stderr, r.Code), "ID")
		}
		if want, got := seen(theirs), seen(ours); got != want {
			t.Errorf("%s\nDocker: %s\nberth: %s", flags, want, got)
		}
	}
}

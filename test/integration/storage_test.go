//go:build linux

package integration

import (
	"bytes"
	"strings"
	"testing"

	"berth/test/harness"
)

// Every way to make a container's file system gives the same containers, changes, commits and exports.
func TestContainersAreTheSameWithEveryStorageDriver(t *testing.T) {
	t.Parallel()
	answers := map[string]string{}
	for _, driver := range []string{"overlay2", "fuse-overlayfs", "vfs"} {
		if driver == "fuse-overlayfs" {
			harness.Tool(t, "fuse-overlayfs")
		}
		d := harness.Start(t, harness.WithArgs("--storage-driver", driver))
		c := d.Client(t, "docker")
		want := map[string]string{"overlay2": "overlayfs"}[driver]
		if want == "" {
			want = driver
		}
		c.Prints(want, "info", "-f", "{{.Driver}}")
		c.In(bytes.NewReader(harness.BusyboxTar(t))).Must("import", "-", "base")
		c.Must("run", "--name", "one", "--network", "none", "base", "sh", "-c", "echo x > /new; rm /etc/group; mkdir -p /deep/er; chmod 4755 /bin/busybox; ln /new /again; echo root >> /etc/passwd")
		diff := c.Must("diff", "one")
		c.Must("commit", "-c", `CMD ["sh","-c","cat /new /again; ls /etc; stat -c %a /bin/busybox"]`, "one", "two")
		c.Must("start", "-a", "one") // what it has is there again
		seen := []string{diff, c.Must("run", "--rm", "--network", "none", "two"), c.Must("diff", "one")}
		c.Must("cp", "one:/new", "-")
		d.Restart() // and with the next daemon
		c.Must("start", "-a", "one")
		seen = append(seen, c.Must("diff", "one"), c.Must("run", "--rm", "--read-only", "--network", "none", "two", "sh", "-c", "echo no > /x || echo refused"))
		answers[driver] = strings.Join(seen, "\n--\n")
	}
	for driver, got := range answers {
		if want := answers["overlay2"]; got != want {
			t.Errorf("%s:\n%s\noverlay2:\n%s", driver, got, want)
		}
	}
}

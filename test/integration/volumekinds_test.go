//go:build linux

package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"berth/test/harness"
)

// blockDevice is a loop device with a new ext4.
func blockDevice(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "disk")
	for _, args := range [][]string{{"truncate", "-s", "16M", file}, {"mkfs.ext4", "-q", file}} {
		if out, err := exec.Command(harness.Tool(t, args[0]), args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
	}
	out, err := exec.Command(harness.Tool(t, "losetup"), "--find", "--show", file).Output()
	if err != nil {
		t.Fatalf("losetup: %v", err)
	}
	dev := strings.TrimSpace(string(out))
	t.Cleanup(func() {
		if out, err := exec.Command(harness.Tool(t, "losetup"), "-d", dev).CombinedOutput(); err != nil {
			t.Errorf("losetup: %v\n%s", err, out)
		}
	})
	return dev
}

func TestVolumesOfOtherFileSystemsAreMadeAndRefusedAsByDocker(t *testing.T) {
	t.Parallel()
	docker, d := harness.StartDockerd(t), harness.Start(t)
	busybox := d.Busybox()
	theirs, ours := docker.Client(t), d.Client(t, "docker")
	dir, dev := t.TempDir(), blockDevice(t)
	must(t, os.WriteFile(dir+"/of-the-host", []byte("x"), 0o644))
	plain := regexp.MustCompile(`[0-9a-f]{64}|'?/[^' ]*/_data'?|failed to populate volume: |: lookup no.such.host.invalid.*|docker: Error response from daemon: |Error response from daemon: `)
	const script = "grep ' /m ' /proc/mounts | cut -d' ' -f3,4; ls /m; touch /m/x && echo written; rm -f /m/x"
	for _, options := range []string{
		"type=none o=bind device=" + dir, "type=none o=bind,ro device=" + dir, "type=none o=bind device=" + dir + "/missing", "type=ext4 device=" + dev, "type=ext4 o=ro,noatime device=" + dev, "type=ext4 o=nosuch device=" + dev,
		"type=xfs device=" + dev, "type=nosuch device=" + dev, "type=ext4 device=/dev/nosuch", "type=tmpfs device=tmpfs o=size=1m,uid=33,mode=700", "type=tmpfs device=any", "type=tmpfs device=tmpfs o=size=x",
		"type=nfs device=:/export o=addr=no.such.host.invalid,rw", "type=nfs device=:/export o=addr=127.0.0.1,nolock,soft,retrans=1,timeo=1", "type=tmpfs", "o=bind", "device=/x", "type=none device=" + dir, "foo=bar", "size=x", "Type=tmpfs device=tmpfs", "type= device= o=",
	} {
		seen := func(c harness.Client) string {
			args := []string{"volume", "create"}
			for o := range strings.FieldsSeq(options) {
				args = append(args, "--opt", o)
			}
			made := c.Run(append(args, "other")...)
			text := made.Stdout + made.Stderr
			if made.Code == 0 {
				text += c.Must("volume", "inspect", "-f", "{{json .Options}}", "other")
				r := c.Run("run", "--rm", "--network", "none", "-v", "other:/m", busybox, "sh", "-c", script)
				text += r.Stdout + r.Stderr
				c.Must("volume", "rm", "other")
			}
			return plain.ReplaceAllString(text, "")
		}
		if want, got := seen(theirs), seen(ours); got != want {
			t.Errorf("%s\nDocker: %s\nberth: %s", options, want, got)
		}
	}
}

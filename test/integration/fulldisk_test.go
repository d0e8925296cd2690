//go:build linux

package integration

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"berth/test/harness"
)

// smallDisk is a file system of a size, in MiB, on a loop device, or in memory where there
// are none.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "berth-disk-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	file, at := filepath.Join(dir, "file"), filepath.Join(dir, "mount")
	must := func(name string, args ...string) error {
		out, err := exec.Command(harness.Tool(t, name), args...).CombinedOutput()
		if err != nil {
			t.Logf("%s: %v\n%s", name, err, out)
		}
		return err
	}
	if err := os.Mkdir(at, 0o755); err != nil {
		t.Fatal(err)
	}
	err = must("truncate", "-s", size+"M", file)
	if err == nil {
		err = must("mkfs.ext4", "-q", "-m", "0", file)
	}
	if err == nil {
		err = must("mount", "-o", "loop", file, at)
	}
	if err != nil {
		if err := must("mount", "-t", "tmpfs", "-o", "size="+size+"m", "none", at); err != nil {
			t.Fatal("no small file system can be made")
		}
	}
	t.Cleanup(func() {
		if err := must("umount", at); err != nil {
			t.Errorf("something holds the small disk")
		}
	})
	return at
}

func TestAFullDiskGivesOneErrorAndTheDaemonGoesOn(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t, "64")
	d := harness.Start(t, harness.WithDataRoot(filepath.Join(disk, "data")))
	busybox := d.Busybox()
	large := make([]byte, 100<<20)
	if _, err := rand.Read(large); err != nil {
		t.Fatal(err)
	}
	tar := harness.Tar(t, harness.File{Name: "large", Body: large})
	archive := harness.DockerArchive(t, "large:1", tar, "true")
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		c.Must("run", "--rm", busybox, "true")
		before := baseline(t, d)
		for _, at := range []struct {
			what string
			body []byte
			args []string
		}{
			{"an import", tar, []string{"import", "-", "large:1"}},
			{"a load", archive, []string{"load"}},
		} {
			r := c.In(bytes.NewReader(at.body)).Run(at.args...)
			if r.Code == 0 || !strings.Contains(r.Stderr, "no space left on device") {
				t.Errorf("%s of more than the disk holds: %+v", at.what, r)
			}
			unchanged(t, d, before, at.what)
		}
		c.Prints("ok", "run", "--rm", busybox, "echo", "ok")

		// A container that fills the disk: what it says must not stop the rest.
		name := "filler-" + c.Name
		c.Must("run", "-di", "--name", name, busybox, "sh", "-c", "dd if=/dev/zero of=/fill bs=4k; echo full; read x")
		harness.Eventually(t, "the disk is full", func() error {
			if r := c.Run("exec", name, "dd", "if=/dev/zero", "of=/more", "bs=4k"); r.Code == 0 {
				return errors.New("there is still room")
			}
			return nil
		})
		c.Prints("running", "inspect", "-f", "{{.State.Status}}", name)
		r := c.Run("run", "--name", "late-"+c.Name, busybox, "true")
		if r.Code != 0 && !strings.Contains(r.Stderr, "no space left on device") && !strings.Contains(r.Stderr, "No space left on device") {
			t.Errorf("a run on a full disk: %+v", r)
		}
		c.Must("rm", "-f", name)
		c.Run("rm", "-f", "late-"+c.Name)
		harness.Eventually(t, "there is room again", func() error {
			if r := c.Run("run", "--rm", busybox, "dd", "if=/dev/zero", "of=/fill", "bs=64k", "count=100"); r.Code != 0 {
				return errors.New(r.Stderr)
			}
			return nil
		})
		c.Prints("", "ps", "-aq")
		unchanged(t, d, before, "a full disk")
	})
}

//go:build linux

package data

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"berth/test/harness"
)

// Whatever a program does to files comes out in a volume and a bind mount as on the host, and in a container's
// own layer as on a bare overlay: each operation's result, and what is there in the end. What is copied of
// it is the same again.
func TestFilesOfContainersDoAsTheHostsDo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	strain := filepath.Join(dir, "strain")
	build := exec.Command("go", "build", "-o", strain, "./test/data/strain")
	build.Dir, build.Env = harness.Root(), append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	d := harness.Start(t)
	c := d.Client(t, "berth")
	count := fmt.Sprint(1500 * rounds(t, 1))
	seed, later := "1", "2"

	// What there is at first is what a tar can hold, in the image and on the host.
	lower := made(t, dir, "lower")
	sh(t, "mkdir %[5]s/work && %[1]s %[2]s %[3]s %[5]s/work >/dev/null; cd %[5]s && tar --xattrs --xattrs-include='user.*' -cf %[5]s/work.tar work 2>/dev/null; "+
		"tar --xattrs --xattrs-include='user.*' --strip-components=1 -C %[4]s -xf %[5]s/work.tar && cp -a %[4]s %[5]s/bare", strain, seed, count, lower, dir)
	bare := sh(t, "%s show %s", strain, lower)
	image := importStrained(t, d, dir, strain)
	overlay := bareOverlay(t, dir, lower)
	wantHost := sh(t, "%[1]s %[2]s %[3]s %[4]s; %[1]s show %[4]s", strain, later, count, dir+"/bare")
	wantOverlay := sh(t, "%[1]s %[2]s %[3]s %[4]s; %[1]s show %[4]s", strain, later, count, overlay)

	script := fmt.Sprintf("/strain %s %s /work; exec /strain show /work", later, count)
	t.Run("in a volume that is filled", func(t *testing.T) {
		c := on(t, c)
		if diff := differ(bare, c.Must("run", "--rm", "-v", "data:/work", image, "/strain", "show", "/work")); diff != "" {
			t.Errorf("the image holds, and not the volume, or the other way round:\n%s", diff)
		}
	})
	t.Run("in a bind mount", func(t *testing.T) {
		sh(t, "cp -a %s %s", lower, dir+"/bound")
		if diff := differ(wantHost, on(t, c).Must("run", "--rm", "-v", dir+"/bound:/work", image, "sh", "-c", script)); diff != "" {
			t.Errorf("otherwise than on the host:\n%s", diff)
		}
		if diff := differ(sh(t, "%s show %s", strain, dir+"/bare"), sh(t, "%s show %s", strain, dir+"/bound")); diff != "" {
			t.Errorf("the host sees\n%s", diff)
		}
	})
	t.Run("in a volume, and what is copied of it", func(t *testing.T) {
		c := on(t, c)
		c.Must("volume", "create", "live")
		sh(t, "cp -a %s/. %s/volumes/live/_data", lower, d.DataRoot())
		if diff := differ(wantHost, c.Must("run", "--rm", "-v", "live:/work", image, "sh", "-c", script)); diff != "" {
			t.Errorf("otherwise than on the host:\n%s", diff)
		}
		want := sh(t, "%s show %s", strain, dir+"/bare")
		same := func(volume string) {
			t.Helper()
			if diff := differ(want, sh(t, "%s show %s/volumes/%s/_data", strain, d.DataRoot(), volume)); diff != "" {
				t.Errorf("%s is not what was copied:\n%s", volume, diff)
			}
		}
		c.Must("volume", "snapshot", "--name", "kept", "live")
		c.Must("volume", "clone", "--snapshot", "kept", "live", "cloned")
		same("cloned")
		place := filepath.Join(dir, "backups")
		c.Must("volume", "backup", "live", place)
		c.Must("volume", "restore", place+":live", "restored")
		same("restored")
	})
	t.Run("in a container's layer, and what is committed of it", func(t *testing.T) {
		c := on(t, c)
		got := c.Must("run", "--name", "layer", image, "sh", "-c", script)
		if diff := differ(wantOverlay, got); diff != "" {
			t.Errorf("otherwise than on a bare overlay:\n%s", diff)
		}
		c.Must("commit", "layer", "committed")
		shown := sh(t, "%s show %s", strain, overlay)
		got = c.Must("run", "--rm", "committed", "/strain", "show", "/work")
		if diff := differ(asInTar(shown), got); diff != "" {
			t.Errorf("the commit is not what was there:\n%s", diff)
		}
	})
}

func on(t *testing.T, c harness.Client) harness.Client {
	c.T = t
	return c
}

func made(t *testing.T, dir, name string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func sh(t *testing.T, format string, args ...any) string {
	t.Helper()
	r := harness.Shell(t, fmt.Sprintf(format, args...))
	if r.Code != 0 {
		t.Fatal(r)
	}
	return strings.TrimRight(r.Stdout, "\n")
}

// importStrained makes an image of busybox, the program, and the tree at /work.
func importStrained(t *testing.T, d *harness.Daemon, dir, strain string) string {
	t.Helper()
	root := made(t, dir, "root")
	if err := os.WriteFile(dir+"/root.tar", harness.BusyboxTar(t), 0o600); err != nil {
		t.Fatal(err)
	}
	sh(t, "cp %[3]s %[1]s/strain && tar -C %[1]s -rf %[2]s/root.tar strain && tar -Af %[2]s/root.tar %[2]s/work.tar", root, dir, strain)
	p, err := os.ReadFile(dir + "/root.tar")
	if err != nil {
		t.Fatal(err)
	}
	d.Import("strained", bytes.NewReader(p))
	return "strained"
}

func bareOverlay(t *testing.T, dir, lower string) string {
	t.Helper()
	merged := made(t, dir, "merged")
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", lower, made(t, dir, "upper"), made(t, dir, "overlaywork"))
	if err := unix.Mount("overlay", merged, "overlay", 0, options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(merged, 0); err != nil {
			t.Error(err)
		}
	})
	return merged
}

// asInTar is what a layer holds of a tree: no sockets, and no ACLs, as with Docker.
func asInTar(shown string) string {
	shown = regexp.MustCompile(`(?m)^\S+ 14\d{4} .*\n?`).ReplaceAllString(shown, "")
	return regexp.MustCompile(` system\.posix_acl_\w+=[0-9a-f]+`).ReplaceAllString(shown, "")
}

// differ is the lines in which two texts differ, the first few.
func differ(want, got string) string {
	a, b := strings.Split(strings.TrimSpace(want), "\n"), strings.Split(strings.TrimSpace(got), "\n")
	var out []string
	for i := range max(len(a), len(b)) {
		var x, y string
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		if x != y && len(out) < 8 {
			out = append(out, "- "+x, "+ "+y)
		}
	}
	return strings.Join(out, "\n")
}

//go:build linux

package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"berth/test/harness"
)

// savedImage makes an image of two layers, with a name and a second one, and saves it.
func savedImage(t *testing.T, d *harness.Daemon, dir string) string {
	t.Helper()
	c := d.Client(t, "docker")
	c.In(bytes.NewReader(harness.BusyboxTar(t))).Must("import", "-c", `CMD ["cat","/more"]`, "-", "lower:1")
	c.Must("run", "--name", "more", "--network", "none", "lower:1", "sh", "-c", "echo made here > /more; rm /etc/group; mkdir /new; chown 33:44 /more; chmod 4711 /more")
	c.Must("commit", "-c", `CMD ["cat","/more"]`, "more", "upper:1")
	c.Must("tag", "upper:1", "registry.example:5000/team/upper:2")
	c.Must("rm", "more")
	file := filepath.Join(dir, "saved.tar")
	c.Must("save", "-o", file, "upper:1", "registry.example:5000/team/upper:2", "lower:1")
	return file
}

func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(harness.Tool(t, name), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestASavedImageIsReadByEveryOtherEngine(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	dir := t.TempDir()
	file := savedImage(t, d, dir)
	const look = "cat /more && stat -c '%a %u:%g' /more && ls -d /new && ! ls /etc/group 2>/dev/null"
	const want = "made here\n4711 33:44\n/new"
	t.Run("dockerd", func(t *testing.T) {
		docker := harness.StartDockerd(t)
		c := docker.Client(t)
		out := c.Must("load", "-i", file)
		for _, name := range []string{"upper:1", "registry.example:5000/team/upper:2", "lower:1"} {
			if !strings.Contains(out, "Loaded image: "+name) {
				t.Errorf("%s is not in %q", name, out)
			}
		}
		c.Prints(want, "run", "--rm", "--network", "none", "upper:1", "sh", "-c", look)
		// And back again, in the form of its time.
		back := filepath.Join(dir, "back.tar")
		c.Must("save", "-o", back, "upper:1")
		other := harness.Start(t)
		again := other.Client(t, "docker")
		again.Prints("Loaded image: upper:1", "load", "-i", back)
		again.Prints(want, "run", "--rm", "--network", "none", "upper:1", "sh", "-c", look)
	})
	t.Run("skopeo and umoci", func(t *testing.T) {
		var seen struct{ Layers []string }
		if err := json.Unmarshal([]byte(command(t, "skopeo", "inspect", "docker-archive:"+file+":upper:1")), &seen); err != nil || len(seen.Layers) != 2 {
			t.Errorf("docker-archive: %+v, %v", seen, err)
		}
		layout := filepath.Join(dir, "layout")
		if err := os.Mkdir(layout, 0o755); err != nil {
			t.Fatal(err)
		}
		command(t, "tar", "-xf", file, "-C", layout)
		if tags := command(t, "umoci", "ls", "--layout", layout); tags != "1\n2\n1" && tags != "1\n1\n2" && tags != "1\n2" {
			t.Errorf("umoci sees the tags %q", tags)
		}
		single := filepath.Join(dir, "single.tar")
		d.Client(t, "docker").Must("save", "-o", single, "upper:1")
		command(t, "skopeo", "--insecure-policy", "copy", "-q", "oci-archive:"+single+":1", "oci:"+filepath.Join(dir, "oci")+":x")
		bundle := filepath.Join(dir, "bundle")
		command(t, "umoci", "unpack", "--image", filepath.Join(dir, "oci")+":x", bundle)
		if b, err := os.ReadFile(filepath.Join(bundle, "rootfs/more")); err != nil || string(b) != "made here\n" {
			t.Errorf("umoci: %q, %v", b, err)
		}
		if _, err := os.Lstat(filepath.Join(bundle, "rootfs/etc/group")); err == nil {
			t.Error("umoci: what the upper layer removed is there")
		}
	})
	t.Run("podman", func(t *testing.T) {
		short, err := os.MkdirTemp("/tmp", "bp") // podman takes no longer one
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(short)
		root := []string{"--root", filepath.Join(short, "root"), "--runroot", filepath.Join(short, "run"), "--storage-driver", "vfs"}
		if out := command(t, "podman", append(root, "load", "-q", "-i", file)...); !strings.Contains(out, "upper:1") {
			t.Errorf("podman loads %q", out)
		}
		if n := command(t, "podman", append(root, "image", "inspect", "--format", "{{len .RootFS.Layers}}", "upper:1")...); n != "2" {
			t.Errorf("podman sees %s layers", n)
		}
	})
}

func TestASaveSaysWhatItSavedAndALoadWhatCame(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	file := savedImage(t, d, t.TempDir())
	c := d.Client(t, "docker")
	id := c.Must("image", "inspect", "-f", "{{.Id}}", "upper:1")
	c.Must("rmi", "upper:1", "registry.example:5000/team/upper:2")
	c.Must("load", "-i", file)
	if now := c.Must("image", "inspect", "-f", "{{.Id}}", "upper:1"); now != id {
		t.Errorf("%s came back as %s", id, now)
	}
	c.Must("image", "prune", "-f")
	events := c.Must("events", "--since", "1", "--until", fmt.Sprint(time.Now().Unix()+1), "--filter", "type=image", "--format", "{{.Action}} {{.Actor.ID}} {{.Actor.Attributes.name}} {{.Actor.Attributes.reclaimed}}")
	for _, want := range []string{"save " + id + " " + id, "untag " + id + " " + id, "delete " + id + " " + id, "load " + id + " " + id, "prune  <no value> 0"} {
		if !strings.Contains(events, want) {
			t.Errorf("no event %q in:\n%s", want, events)
		}
	}
}

//go:build linux

package registry

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"berth/test/harness"
)

func TestDockersClientPushesAndPullsWithDebiansDaemon(t *testing.T) {
	d := harness.StartDockerd(t)
	pid, err := os.ReadFile(filepath.Join(d.Dir(), "pid"))
	if err != nil {
		t.Fatal(err)
	}
	// The daemon has a network of its own: the registry goes there.
	s := startIn(t, []string{harness.Tool(t, "nsenter"), "-t", strings.TrimSpace(string(pid)), "-n"})
	docker := d.Client(t)
	name := s.addr + "/library/busybox:1"
	docker.Must("tag", "busybox", name)
	before := strings.TrimSpace(docker.Must("inspect", "-f", "{{.Id}}", name))
	if out := docker.Must("push", name); !strings.Contains(out, "1: digest: sha256:") {
		t.Fatalf("push said:\n%s", out)
	}
	if out := docker.Must("push", name); !strings.Contains(out, "Layer already exists") {
		t.Errorf("a second push said:\n%s", out)
	}
	other := s.addr + "/other/name:2"
	docker.Must("tag", "busybox", other)
	if out := docker.Must("push", other); !strings.Contains(out, "Mounted from library/busybox") {
		t.Errorf("a push to another repository said:\n%s", out)
	}
	docker.Must("rmi", "-f", name, other, "busybox")
	docker.Must("pull", name)
	if after := strings.TrimSpace(docker.Must("inspect", "-f", "{{.Id}}", name)); after != before {
		t.Errorf("pushed %s, pulled %s", before, after)
	}
	if r := docker.Run("pull", s.addr+"/library/busybox:none"); r.Code == 0 || !strings.Contains(r.Stderr, "not found") {
		t.Errorf("a pull of a tag that is not there: %d %s", r.Code, r.Stderr)
	}
}

func TestSkopeoCopiesSyncsListsAndDeletes(t *testing.T) {
	s := start(t)
	layout := busyboxLayout(t)
	insecure := []string{"--src-tls-verify=false", "--dest-tls-verify=false"}
	copies := func(args ...string) {
		tool(t, "skopeo", append(append([]string{"copy", "--quiet"}, insecure...), args...)...)
	}
	copies("oci:"+layout+":busybox", "docker://"+s.addr+"/a/b:one")
	copies("--format", "v2s2", "docker://"+s.addr+"/a/b:one", "docker://"+s.addr+"/a/b:docker")
	copies("--all", "docker://"+s.addr+"/a/b:one", "docker://"+s.addr+"/c:two")
	var list struct{ Tags []string }
	if err := json.Unmarshal([]byte(tool(t, "skopeo", "list-tags", "--tls-verify=false", "docker://"+s.addr+"/a/b")), &list); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(list.Tags, []string{"docker", "one"}) {
		t.Errorf("tags are %v", list.Tags)
	}
	dir := t.TempDir()
	tool(t, "skopeo", "sync", "--src-tls-verify=false", "--src", "docker", "--dest", "dir", s.addr+"/a/b", dir)
	if found, _ := filepath.Glob(dir + "/b:*/manifest.json"); len(found) != 2 {
		t.Errorf("sync brought %v", found)
	}
	tool(t, "skopeo", "delete", "--tls-verify=false", "docker://"+s.addr+"/a/b:one")
	if out, err := try(t, "skopeo", "inspect", "--tls-verify=false", "docker://"+s.addr+"/a/b:one"); err == nil {
		t.Errorf("after its deletion it is still there: %s", out)
	}
	tool(t, "skopeo", "inspect", "--tls-verify=false", "docker://"+s.addr+"/c:two")
}

func TestWhatUmociMakesGoesThroughTheRegistryAndIsUnpacked(t *testing.T) {
	s := start(t)
	layout := busyboxLayout(t)
	note := written(t, "note", "made by umoci")
	tool(t, "umoci", "insert", "--rootless", "--image", layout+":busybox", "--tag", "more", note, "/etc/note")
	tool(t, "umoci", "config", "--image", layout+":more", "--config.env", "BY=umoci")
	tool(t, "skopeo", "copy", "--quiet", "--dest-tls-verify=false", "oci:"+layout+":more", "docker://"+s.addr+"/by/umoci:1")
	back := filepath.Join(filepath.Dir(layout), "back")
	tool(t, "skopeo", "copy", "--quiet", "--src-tls-verify=false", "docker://"+s.addr+"/by/umoci:1", "oci:"+back+":1")
	bundle := filepath.Join(filepath.Dir(layout), "bundle")
	tool(t, "umoci", "unpack", "--rootless", "--image", back+":1", bundle)
	for file, want := range map[string]string{"rootfs/etc/note": "made by umoci", "config.json": `"BY=umoci"`} {
		if b, err := os.ReadFile(filepath.Join(bundle, file)); err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%s: %v %.200s", file, err, b)
		}
	}
}

func TestPodmanAndBuildahPushAndPull(t *testing.T) {
	s := start(t)
	layout := busyboxLayout(t)
	for _, name := range []string{"podman", "buildah"} {
		t.Run(name, func(t *testing.T) {
			root, err := os.MkdirTemp("/tmp", "bp") // podman takes no long ones
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.RemoveAll(root) })
			run := func(args ...string) string {
				return tool(t, name, append([]string{"--root", root + "/root", "--runroot", root + "/run", "--storage-driver", "vfs"}, args...)...)
			}
			image := s.addr + "/by/" + name + ":1"
			run("pull", "--quiet", "docker-archive:"+filepath.Dir(layout)+"/busybox.tar")
			id := strings.Fields(run("images", "--quiet"))[0]
			run("push", "--quiet", "--tls-verify=false", id, "docker://"+image)
			run("rmi", "--force", id)
			if pulled := strings.TrimSpace(run("pull", "--quiet", "--tls-verify=false", image)); !strings.HasPrefix(pulled, id) {
				t.Errorf("pushed %s, pulled %s", id, pulled)
			}
			run("rmi", "--force", id)
		})
	}
}

// busyboxLayout is a small image as an OCI layout, with the tag busybox.
func busyboxLayout(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "bl") // clients take no upper-case letters
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	archive, layout := filepath.Join(dir, "busybox.tar"), filepath.Join(dir, "layout")
	if err := os.WriteFile(archive, harness.DockerArchive(t, "busybox:latest", harness.BusyboxTar(t), "sh"), 0o600); err != nil {
		t.Fatal(err)
	}
	tool(t, "skopeo", "copy", "--quiet", "docker-archive:"+archive, "oci:"+layout+":busybox")
	return layout
}

//go:build linux

package integration

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"berth/test/harness"
)

func TestAnImageIsImportedTaggedAndRemoved(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	root := harness.BusyboxTar(t)
	var zipped, zstandard bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := z.Write(root); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	enc, err := zstd.NewWriter(&zstandard)
	if err != nil {
		t.Fatal(err)
	}
	zstandard.Write(enc.EncodeAll(root, nil))
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		for form, body := range map[string][]byte{"plain": root, "gzip": zipped.Bytes(), "zstd": zstandard.Bytes()} {
			name := form + "-" + c.Name
			id := c.In(bytes.NewReader(body)).Must("import", "--change", `CMD ["echo","by default"]`, "--change", "ENV A=b", "-", name+":1")
			if !strings.HasPrefix(id, "sha256:") || len(id) != 71 {
				t.Errorf("import printed %q", id)
			}
			c.Prints("by default", "run", "--rm", name+":1")
			c.Prints("b", "run", "--rm", name+":1", "sh", "-c", "echo $A")
			c.Prints(id, "inspect", "--type", "image", "-f", "{{.Id}}", name+":1")
			c.Must("tag", name+":1", "other/"+name+":v2")
			c.Prints("other/"+name+":v2", "images", "--format", "{{.Repository}}:{{.Tag}}", "other/"+name)
			c.Prints("Untagged: "+name+":1", "rmi", name+":1")
			if got := c.Must("rmi", "other/"+name+":v2"); !strings.HasPrefix(got, "Untagged: other/"+name+":v2\nDeleted: sha256:") {
				t.Errorf("rmi printed %q", got)
			}
			c.Fails(1, "No such image", "rmi", name+":1")
		}
		c.Prints("", "images", "-q", "--filter", "reference=plain*")
	})
}

func TestAnImageInUseIsNotRemoved(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	d.Busybox()
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		c.Must("tag", "busybox", "used-"+c.Name)
		id := c.Must("run", "-d", "used-"+c.Name, "sleep", "1000")
		image := c.Must("inspect", "-f", "{{.Image}}", id)
		c.Fails(1, "image is being used by running container "+id[:12], "rmi", "-f", image)
		c.Must("rmi", "used-"+c.Name) // a name of several
		c.Must("rm", "-f", id)
	})
}

// TestArchivesOfOtherToolsAreLoaded loads what skopeo writes, in both layouts.
func TestArchivesOfOtherToolsAreLoaded(t *testing.T) {
	t.Parallel()
	d := harness.Start(t)
	skopeo := harness.Tool(t, "skopeo")
	dir := t.TempDir()
	source := filepath.Join(dir, "source.tar")
	archive := harness.DockerArchive(t, "source:made", harness.BusyboxTar(t), "echo", "made by another tool")
	if err := os.WriteFile(source, archive, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, at := range []struct{ kind, file string }{{"docker-archive", "docker.tar"}, {"oci-archive", "oci.tar"}} {
		cmd := exec.Command(skopeo, "--insecure-policy", "copy", "-q", "docker-archive:"+source, at.kind+":"+filepath.Join(dir, at.file)+":from/skopeo:"+at.kind)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("skopeo: %v\n%s", err, out)
		}
	}
	harness.EachClient(t, d, func(t *testing.T, c harness.Client) {
		c.Prints("Loaded image: from/skopeo:docker-archive", "load", "-q", "-i", filepath.Join(dir, "docker.tar"))
		c.Prints("made by another tool", "run", "--rm", "from/skopeo:docker-archive")
		c.Must("rmi", "from/skopeo:docker-archive")
		r := c.Run("load", "-i", filepath.Join(dir, "oci.tar"))
		if r.Code != 0 || !strings.Contains(r.Stdout, "Loaded image: from/skopeo:oci-archive") {
			t.Fatalf("got %+v", r)
		}
		c.Prints("made by another tool", "run", "--rm", "from/skopeo:oci-archive")
		c.Must("rmi", "from/skopeo:oci-archive")
		f, err := os.Open(filepath.Join(dir, "docker.tar"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		c.In(f).Must("load")
		c.Must("rmi", "from/skopeo:docker-archive")
	})
}

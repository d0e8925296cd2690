//go:build linux

package harness

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// images are those that a daemon has been given.
type images struct {
	busybox, debian, databases sync.Once
}

// Busybox imports a small image with the usual commands, once a daemon, and
// returns its name.
func (d *Daemon) Busybox() string {
	d.t.Helper()
	d.images.busybox.Do(func() {
		d.Import("busybox", bytes.NewReader(BusyboxTar(d.t)), `CMD ["sh"]`)
	})
	return "busybox"
}

// Debian imports a Debian of minimal size with nginx, once a daemon, and
// returns its name.
func (d *Daemon) Debian() string {
	d.t.Helper()
	d.images.debian.Do(func() { d.importTar("debian", DebianTar(d.t), `CMD ["bash"]`) })
	return "debian"
}

// Databases imports a PostgreSQL, below /pg, and a Redis, once a daemon, and returns the image's name.
func (d *Daemon) Databases() string {
	d.t.Helper()
	d.images.databases.Do(func() {
		d.importTar("databases", databases().tar(d.t), `CMD ["bash"]`, "USER 70:70", "ENV PATH=/pg:/usr/sbin:/usr/bin:/sbin:/bin")
	})
	return "databases"
}

func (d *Daemon) importTar(name, path string, changes ...string) {
	f, err := os.Open(path)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	d.Import(name, f, changes...)
}

// Import makes an image of a root file system's tar.
func (d *Daemon) Import(name string, root io.Reader, changes ...string) {
	d.t.Helper()
	d.load(d.t, name, root, changes)
}

// Busybox imports a small image with the usual commands and returns its name.
func (d *Stock) Busybox(t testing.TB) string {
	t.Helper()
	d.load(t, "busybox", bytes.NewReader(BusyboxTar(t)), []string{`CMD ["sh"]`})
	return "busybox"
}

func (d Place) load(t testing.TB, name string, root io.Reader, changes []string) {
	t.Helper()
	query := url.Values{"fromSrc": {"-"}, "repo": {name}, "tag": {"latest"}, "changes": changes}
	resp, err := d.HTTP().Post("http://berth/images/create?"+query.Encode(), "application/x-tar", root)
	if err != nil {
		t.Fatalf("import %s: %v", name, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || bytes.Contains(b, []byte(`"error"`)) {
		t.Fatalf("import %s: %s: %s (%v)", name, resp.Status, b, err)
	}
}

// File is an entry of a tar that a test makes. One with a Link and no Kind is
// a symbolic link; one whose Name ends in a slash is a directory.
type File struct {
	Name, Link string
	Body       []byte
	Mode       int64 // 0755 when zero
	Kind       byte
}

// Tar makes a tar of files.
func Tar(t testing.TB, files ...File) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{Name: f.Name, Linkname: f.Link, Typeflag: f.Kind, Mode: f.Mode, Size: int64(len(f.Body))}
		if h.Mode == 0 {
			h.Mode = 0o755
		}
		switch {
		case h.Typeflag != 0:
		case f.Link != "":
			h.Typeflag = tar.TypeSymlink
		case strings.HasSuffix(f.Name, "/"):
			h.Typeflag = tar.TypeDir
		default:
			h.Typeflag = tar.TypeReg
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(f.Body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// BusyboxTar is a root file system of Debian's static busybox, with a link for
// each of its commands and a user beside root.
func BusyboxTar(t testing.TB) []byte {
	t.Helper()
	path := Tool(t, "busybox")
	program, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	applets, err := exec.Command(path, "--list").Output()
	if err != nil {
		t.Fatal(fmt.Errorf("list the commands of %s: %w", path, err))
	}
	files := []File{
		{Name: "bin/"}, {Name: "bin/busybox", Body: program}, {Name: "etc/"}, {Name: "root/", Mode: 0o700}, {Name: "tmp/", Mode: 0o1777},
		{Name: "etc/passwd", Mode: 0o644, Body: []byte("root:x:0:0:root:/root:/bin/sh\nwww:x:33:33:www:/tmp:/bin/sh\n")},
		{Name: "etc/group", Mode: 0o644, Body: []byte("root:x:0:\nwww:x:33:\nextra:x:44:www\n")},
	}
	for _, name := range strings.Fields(string(applets)) {
		if name != "busybox" {
			files = append(files, File{Name: "bin/" + name, Link: "busybox"})
		}
	}
	return Tar(t, files...)
}

// DockerArchive is an image of one layer in the form in which docker save wrote
// images before it wrote OCI layouts.
func DockerArchive(t testing.TB, name string, layer []byte, cmd ...string) []byte {
	t.Helper()
	sum := func(b []byte) string { return fmt.Sprintf("%x", sha256.Sum256(b)) }
	config := marshal(t, map[string]any{
		"architecture": runtime.GOARCH, "os": "linux", "config": map[string]any{"Cmd": cmd},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + sum(layer)}},
	})
	id := sum(config)
	manifest := marshal(t, []map[string]any{{"Config": id + ".json", "RepoTags": []string{name}, "Layers": []string{"one/layer.tar"}}})
	return Tar(t, File{Name: id + ".json", Body: config, Mode: 0o644}, File{Name: "one/"}, File{Name: "one/layer.tar", Body: layer, Mode: 0o644},
		File{Name: "manifest.json", Body: manifest, Mode: 0o644})
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

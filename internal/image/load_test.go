package image

import (
	"archive/tar"
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"berth/internal/fault"
	"berth/internal/image/tarball"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func gzipOf(t testing.TB, p []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(p); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstdOf(t testing.TB, p []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(p, nil)
}

func TestBothFormsOfArchiveLoadPlainAndCompressed(t *testing.T) {
	base, top := busyboxLayer(t), makeTar(t, file{name: "etc/.wh.motd"}, file{name: "etc/new", data: []byte("x")})
	legacy := legacyArchive(t, []string{"busybox:1"}, base, top)
	layout := makeTar(t, layoutFiles(t, map[string]string{"io.containerd.image.name": "docker.io/library/busybox:1"}, base, top)...)
	for name, archive := range map[string][]byte{
		"legacy": legacy, "legacy gzip": gzipOf(t, legacy), "legacy zstd": zstdOf(t, legacy), "layout": layout, "layout zstd": zstdOf(t, layout),
	} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t)
			if lines := mustLoad(t, s, archive); len(lines) != 1 || lines[0] != "Loaded image: busybox:1" {
				t.Fatalf("lines %q", lines)
			}
			img, err := s.Get(context.Background(), "busybox:1")
			if err != nil {
				t.Fatal(err)
			}
			dirs, err := s.Layers(context.Background(), img.ID)
			if err != nil || len(dirs) != 2 {
				t.Fatalf("layers %q, %v", dirs, err)
			}
			if st, err := os.Lstat(filepath.Join(dirs[0], "etc/motd")); err != nil || st.Mode()&os.ModeCharDevice == 0 {
				t.Errorf("the whiteout of the top layer is not there: %v, %v", st, err)
			}
			if _, err := os.Stat(filepath.Join(dirs[1], "bin/busybox")); err != nil {
				t.Error(err)
			}
			if img.Size <= img.ContentSize || img.ContentSize < int64(len(base)) || img.Platform.OS != "linux" || len(img.Config.Config.Cmd) != 1 {
				t.Errorf("image %+v", img)
			}
			if _, err := os.Lstat(s.changes.marker); err == nil {
				t.Error("the marker of a change in flight stayed")
			}
		})
	}
}

func TestAnImageWithoutANameLoadsAsItsID(t *testing.T) {
	s := openStore(t)
	lines := mustLoad(t, s, legacyArchive(t, nil, busyboxLayer(t)))
	list, err := s.List(context.Background())
	if err != nil || len(list) != 1 || len(list[0].Names) != 0 {
		t.Fatalf("list %+v, %v", list, err)
	}
	if lines[0] != "Loaded image ID: "+list[0].ID.String() {
		t.Errorf("lines %q", lines)
	}
}

func TestALoadedNameMovesAndTheOldImageDangles(t *testing.T) {
	s := openStore(t)
	ctx := context.Background()
	mustLoad(t, s, legacyArchive(t, []string{"x:1"}, busyboxLayer(t)))
	old, _ := s.Get(ctx, "x:1")
	mustLoad(t, s, legacyArchive(t, []string{"x:1"}, makeTar(t, file{name: "other"})))
	now, _ := s.Get(ctx, "x:1")
	if now.ID == old.ID {
		t.Fatal("the name did not move")
	}
	kept, err := s.Get(ctx, old.ID.String())
	if err != nil || len(kept.Names) != 0 {
		t.Fatalf("the old image: %+v, %v", kept, err)
	}
	if _, err := s.Layers(ctx, old.ID); err != nil {
		t.Error(err)
	}
}

func TestImagesSurviveReopening(t *testing.T) {
	root := t.TempDir()
	s := openAt(t, root)
	mustLoad(t, s, legacyArchive(t, []string{"x:1"}, busyboxLayer(t)))
	before, _ := s.Get(context.Background(), "x:1")
	dirs, _ := s.Layers(context.Background(), before.ID)
	if err := s.backend.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.db.Close(); err != nil {
		t.Fatal(err)
	}
	again := openAt(t, root)
	after, err := again.Get(context.Background(), "x:1")
	if err != nil || after.ID != before.ID {
		t.Fatalf("%v, %v", after.ID, err)
	}
	if got, err := again.Layers(context.Background(), after.ID); err != nil || strings.Join(got, ":") != strings.Join(dirs, ":") {
		t.Errorf("layers %q, %v", got, err)
	}
}

func TestWhatAKilledLoadLeftIsCollectedAtTheNextOpen(t *testing.T) {
	root := t.TempDir()
	s := openAt(t, root)
	mustLoad(t, s, legacyArchive(t, []string{"bystander:1"}, makeTar(t, file{name: "file"})))
	before := state(t, s)
	c, err := s.begin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	// All of a load except its record, and then nothing more of this process.
	layer := busyboxLayer(t)
	a, err := tarball.Read(c.ctx, s.content, bytes.NewReader(legacyArchive(t, []string{"x:1"}, layer)))
	if err != nil {
		t.Fatal(err)
	}
	found, _ := a.Images()
	target, err := c.writeLegacy(a, found[0].Legacy)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.take("docker.io/library/x:1", target); err != nil {
		t.Fatal(err)
	}
	s.backend.Close()
	s.db.Close()

	again := openAt(t, root)
	<-again.recovered
	if after := state(t, again); after != before || again.recovery != nil {
		t.Errorf("recovery %v; left behind:\n%s\n--- before:\n%s", again.recovery, after, before)
	}
	mustLoad(t, again, legacyArchive(t, []string{"x:1"}, layer))
}

func TestAHostileArchiveGivesOneErrorAndLeavesNothingBehind(t *testing.T) {
	layer := busyboxLayer(t)
	good := legacyArchive(t, []string{"x:1"}, layer)
	zipped := gzipOf(t, good)
	spoiled := bytes.Clone(zipped)
	spoiled[len(spoiled)/2] ^= 0xff
	name := map[string]string{ocispec.AnnotationRefName: "docker.io/library/x:1"}
	wrong := layoutFiles(t, name, layer)
	wrong[1].data = bytes.Clone(wrong[1].data)
	wrong[1].data[len(wrong[1].data)/2] ^= 1
	missing := layoutFiles(t, name, layer)
	missing = append(missing[:1], missing[2:]...)
	mismatch := tarball.Legacy{Config: "c.json", RepoTags: []string{"x:1"}, Layers: []string{"l.tar"}}
	withManifest := func(m tarball.Legacy, cfg, l []byte) []byte {
		return makeTar(t, file{name: "c.json", data: cfg}, file{name: "l.tar", data: l}, file{name: "manifest.json", data: mustJSON(t, []tarball.Legacy{m})})
	}
	hostileLayer := func(files ...file) []byte { return legacyArchive(t, []string{"x:1"}, makeTar(t, files...)) }
	for what, c := range map[string]struct {
		archive []byte
		text    string
	}{
		"empty":                       {nil, "unrecognized image format"},
		"noise":                       {bytes.Repeat([]byte("noise "), 1000), "invalid tar header"},
		"truncated":                   {good[:len(good)/2], "unexpected EOF"},
		"truncated gzip":              {zipped[:len(zipped)/2], "unexpected EOF"},
		"corrupt gzip":                {spoiled, ""},
		"truncated zstd":              {zstdOf(t, good)[:10000], "unexpected EOF"},
		"wrong digest":                {makeTar(t, wrong...), "its content has the digest"},
		"missing layer in a layout":   {makeTar(t, missing...), "content is missing"},
		"missing layer in a manifest": {withManifest(tarball.Legacy{Config: "c.json", Layers: []string{"gone.tar"}}, configOf(t, layer), layer), `layer "gone.tar" not found`},
		"wrong diff ID":               {withManifest(mismatch, configOf(t, makeTar(t)), layer), "wrong diff id"},
		"more layers than diff IDs":   {withManifest(mismatch, configOf(t), layer), "1 layers and 0 diff IDs"},
		"config of noise":             {withManifest(mismatch, []byte("{"), layer), ""},
		"bad tag":                     {withManifest(tarball.Legacy{Config: "c.json", RepoTags: []string{"X:Y:Z"}, Layers: []string{"l.tar"}}, configOf(t, layer), layer), "invalid reference format"},
		"giant manifest":              {makeTar(t, file{name: "manifest.json", data: make([]byte, (20<<20)+1)}), "larger than"},
		"path out of the archive":     {makeTar(t, file{name: "../../etc/x", data: []byte("x")}), "leaves the archive"},
		"link out of the archive":     {makeTar(t, file{name: "l.tar", link: "/etc/passwd", kind: tar.TypeSymlink}), "leaves the archive"},
		"path out of the layer":       {hostileLayer(file{name: "../../x", data: []byte("x")}), "leaves the archive"},
		"hard link out of the layer":  {hostileLayer(file{name: "x", link: "../../../etc/passwd", kind: tar.TypeLink}), "leaves the archive"},
		"hard link to the host":       {hostileLayer(file{name: "x", link: "/etc/passwd", kind: tar.TypeLink}), "no such file"},
		"good layer, then a bad one":  {legacyArchive(t, []string{"x:1"}, layer, makeTar(t, file{name: "../x"})), "leaves the archive"},
	} {
		t.Run(what, func(t *testing.T) {
			s := openStore(t)
			mustLoad(t, s, legacyArchive(t, []string{"bystander:1"}, makeTar(t, file{name: "file"})))
			before := state(t, s)
			_, err := s.Load(context.Background(), bytes.NewReader(c.archive), LoadOptions{})
			if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.text) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error of kind %v: %v", fault.KindOf(err), err)
			}
			if after := state(t, s); after != before {
				t.Errorf("left behind:\n%s\n--- before:\n%s", after, before)
			}
		})
	}
}

func TestALayerCannotWriteOutsideItsDirectory(t *testing.T) {
	s := openStore(t)
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.Mkdir(outside, 0o755); err != nil {
		t.Fatal(err)
	}
	mustLoad(t, s, legacyArchive(t, []string{"x:1"}, makeTar(t,
		file{name: "door", link: outside, kind: tar.TypeSymlink}, file{name: "door/file", data: []byte("x")},
		file{name: "up", link: "../../../../../../../" + outside, kind: tar.TypeSymlink}, file{name: "up/file2", data: []byte("x")},
		file{name: "/absolute", data: []byte("x")}, file{name: "null", kind: tar.TypeChar})))
	entries, err := os.ReadDir(outside)
	if err != nil || len(entries) != 0 {
		t.Errorf("outside: %v, %v", entries, err)
	}
}

func TestALoadThatIsCancelledLeavesNothingBehind(t *testing.T) {
	s := openStore(t)
	mustLoad(t, s, legacyArchive(t, []string{"bystander:1"}, makeTar(t, file{name: "file"})))
	before := state(t, s)
	ctx, cancel := context.WithCancel(context.Background())
	archive := legacyArchive(t, []string{"x:1"}, busyboxLayer(t))
	r := &callback{Reader: bytes.NewReader(archive), after: len(archive) / 2, call: cancel}
	if _, err := s.Load(ctx, r, LoadOptions{}); !fault.Is(err, fault.Cancelled) {
		t.Errorf("error of kind %v: %v", fault.KindOf(err), err)
	}
	if after := state(t, s); after != before {
		t.Errorf("left behind:\n%s", after)
	}
}

type callback struct {
	*bytes.Reader
	after int
	call  func()
}

func (c *callback) Read(p []byte) (int, error) {
	if c.after -= len(p); c.after < 0 {
		c.call()
	}
	return c.Reader.Read(p)
}

func TestArchivesThatSkopeoWritesLoad(t *testing.T) {
	skopeo, err := exec.LookPath("skopeo")
	if err != nil {
		t.Skip("needs skopeo")
	}
	dir := t.TempDir()
	layout := filepath.Join(dir, "layout")
	for _, f := range layoutFiles(t, map[string]string{ocispec.AnnotationRefName: "latest"}, busyboxLayer(t)) {
		path := filepath.Join(layout, f.name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s := openStore(t)
	for _, kind := range []string{"docker-archive", "oci-archive"} {
		out := filepath.Join(dir, kind+".tar")
		cmd := exec.Command(skopeo, "--insecure-policy", "copy", "oci:"+layout+":latest", kind+":"+out+":example/"+kind+":1.0")
		if msg, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, msg)
		}
		archive, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if lines := mustLoad(t, s, archive); lines[0] != "Loaded image: example/"+kind+":1.0" {
			t.Errorf("%s: %q", kind, lines)
		}
	}
}

func TestAnArchiveGivesNoNameThatReadsAsADigestOrAnID(t *testing.T) {
	s := openStore(t)
	mustLoad(t, s, legacyArchive(t, []string{"bystander:1"}, makeTar(t, file{name: "file"})))
	id := strings.Repeat("0", 64)
	for _, tag := range []string{"sha256:" + id, "x@sha256:" + id, id} {
		before := state(t, s)
		_, err := s.Load(context.Background(), bytes.NewReader(legacyArchive(t, []string{tag}, busyboxLayer(t))), LoadOptions{})
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "invalid tag") {
			t.Errorf("%s: %v", tag, err)
		}
		if after := state(t, s); after != before {
			t.Errorf("%s left behind:\n%s", tag, after)
		}
	}
}

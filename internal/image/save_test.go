package image

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"reflect"
	"strings"
	"testing"

	"berth/internal/fault"
	"berth/internal/image/tree"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// variant is one platform of an image that a test makes.
type variant struct {
	arch  string
	layer []byte
	gone  bool // its layer is not in the archive
	// config is the architecture that its configuration says; "" is the right one
	config string
}

// indexFiles is an OCI layout of an image of several platforms, the first of which is attested.
func indexFiles(t testing.TB, name string, variants ...variant) []file {
	t.Helper()
	var files []file
	blob := func(kind string, p []byte, gone bool) ocispec.Descriptor {
		d := digest.FromBytes(p)
		if !gone {
			files = append(files, file{name: "blobs/sha256/" + d.Encoded(), data: p})
		}
		return ocispec.Descriptor{MediaType: kind, Digest: d, Size: int64(len(p))}
	}
	idx := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex}
	for _, v := range variants {
		var cfg Config
		cfg.OS, cfg.Architecture = "linux", cmp.Or(v.config, v.arch)
		cfg.RootFS = ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{digest.FromBytes(v.layer)}}
		m := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest}
		m.Config = blob(ocispec.MediaTypeImageConfig, mustJSON(t, cfg), false)
		m.Layers = []ocispec.Descriptor{blob(ocispec.MediaTypeImageLayer, v.layer, v.gone)}
		d := blob(ocispec.MediaTypeImageManifest, mustJSON(t, m), false)
		d.Platform = &ocispec.Platform{OS: "linux", Architecture: v.arch}
		idx.Manifests = append(idx.Manifests, d)
	}
	st := blob("application/vnd.in-toto+json", []byte(`{"predicateType":"https://slsa.dev/provenance/v1"}`), false)
	st.Annotations = map[string]string{predicateType: "https://slsa.dev/provenance/v1"}
	a := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, Layers: []ocispec.Descriptor{st}}
	a.Config = blob(ocispec.MediaTypeImageConfig, []byte(`{}`), false)
	d := blob(ocispec.MediaTypeImageManifest, mustJSON(t, a), false)
	d.Platform = &ocispec.Platform{OS: "unknown", Architecture: "unknown"}
	d.Annotations = map[string]string{"vnd.docker.reference.type": "attestation-manifest", tree.AttestationFor: idx.Manifests[0].Digest.String()}
	idx.Manifests = append(idx.Manifests, d)
	target := blob(ocispec.MediaTypeImageIndex, mustJSON(t, idx), false)
	target.Annotations = map[string]string{"io.containerd.image.name": name}
	return append(files, file{name: "oci-layout", data: []byte(`{"imageLayoutVersion":"1.0.0"}`)},
		file{name: "index.json", data: mustJSON(t, ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, Manifests: []ocispec.Descriptor{target}})})
}

func linux(arch string) ocispec.Platform { return ocispec.Platform{OS: "linux", Architecture: arch} }

func saved(t testing.TB, s *Service, opts SaveOptions) []byte {
	t.Helper()
	var b bytes.Buffer
	want := int64(-1)
	opts.Begin = func(size int64, _ []digest.Digest) io.Writer { want = size; return &b }
	if err := (Archives{s}).Save(context.Background(), opts); err != nil {
		t.Fatal(err)
	}
	if want != int64(b.Len()) {
		t.Errorf("the archive has %d bytes, and %d were announced", b.Len(), want)
	}
	return b.Bytes()
}

// members are an archive's files by name.
func members(t testing.TB, archive []byte) map[string]string {
	t.Helper()
	out := map[string]string{}
	for tr := tar.NewReader(bytes.NewReader(archive)); ; {
		h, err := tr.Next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		p, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		out[h.Name] = string(p)
	}
}

func TestWhatIsSavedLoadsAsTheSameImagesAndSavesAsTheSameArchive(t *testing.T) {
	s := openStore(t)
	mustLoad(t, s, legacyArchive(t, []string{"x:1", "x:2"}, busyboxLayer(t), makeTar(t, file{name: "b"})))
	mustLoad(t, s, makeTar(t, indexFiles(t, "docker.io/library/many:1", variant{arch: "amd64", layer: makeTar(t, file{name: "amd"})}, variant{arch: "arm64", layer: makeTar(t, file{name: "arm"})})...))
	first := saved(t, s, SaveOptions{Names: []string{"x", "many:1"}})
	other := openStore(t)
	lines := mustLoad(t, other, first)
	if want := []string{"Loaded image: x:1", "Loaded image: x:2", "Loaded image: many:1"}; !reflect.DeepEqual(lines, want) {
		t.Errorf("lines %q", lines)
	}
	for _, name := range []string{"x:1", "x:2", "many:1"} {
		a, _ := s.Get(context.Background(), name)
		b, err := other.Get(context.Background(), name)
		if err != nil || a.ID != b.ID || !reflect.DeepEqual(a.Parts, b.Parts) {
			t.Errorf("%s: %s and %s, %v", name, a.ID, b.ID, err)
		}
	}
	if again := saved(t, other, SaveOptions{Names: []string{"x", "many:1"}}); !bytes.Equal(first, again) {
		t.Error("another store saves the same images differently")
	}
}

func TestAnArchiveIsAnOCILayoutAndADockerArchive(t *testing.T) {
	s := openStore(t)
	mustLoad(t, s, legacyArchive(t, []string{"x:1", "reg.example:5000/y:2"}, makeTar(t, file{name: "a"})))
	files := members(t, saved(t, s, SaveOptions{Names: []string{"x:1", "reg.example:5000/y:2"}}))
	var entries []struct {
		Config           string
		RepoTags, Layers []string
	}
	if err := json.Unmarshal([]byte(files["manifest.json"]), &entries); err != nil || len(entries) != 1 {
		t.Fatalf("manifest.json: %s, %v", files["manifest.json"], err)
	}
	if e := entries[0]; !reflect.DeepEqual(e.RepoTags, []string{"x:1", "reg.example:5000/y:2"}) || files[e.Config] == "" || files[e.Layers[0]] == "" {
		t.Errorf("manifest.json: %+v", e)
	}
	var idx ocispec.Index
	if err := json.Unmarshal([]byte(files["index.json"]), &idx); err != nil || len(idx.Manifests) != 2 {
		t.Fatalf("index.json: %s, %v", files["index.json"], err)
	}
	if m := idx.Manifests[1]; m.Annotations["io.containerd.image.name"] != "reg.example:5000/y:2" || m.Annotations[ocispec.AnnotationRefName] != "2" || digest.FromString(files["blobs/sha256/"+m.Digest.Encoded()]) != m.Digest {
		t.Errorf("index.json: %+v", m)
	}
	if files["oci-layout"] != `{"imageLayoutVersion":"1.0.0"}` || !strings.Contains(files["repositories"], `"reg.example:5000/y":{"2":"`) {
		t.Errorf("oci-layout %s, repositories %s", files["oci-layout"], files["repositories"])
	}
}

func TestAnImageThatIsNamedByItsIDIsSavedWithoutAName(t *testing.T) {
	s := openStore(t)
	mustLoad(t, s, legacyArchive(t, []string{"x:1"}, makeTar(t, file{name: "a"})))
	img, _ := s.Get(context.Background(), "x:1")
	for _, word := range []string{img.ID.String(), img.ID.Encoded()[:12], "x@" + img.ID.String()} {
		lines := mustLoad(t, openStore(t), saved(t, s, SaveOptions{Names: []string{word}}))
		if len(lines) != 1 || lines[0] != "Loaded image ID: "+img.ID.String() {
			t.Errorf("%s: %q", word, lines)
		}
	}
}

func TestSavingFindsWhatIsWrongBeforeItBegins(t *testing.T) {
	s := openStore(t)
	mustLoad(t, s, makeTar(t, indexFiles(t, "docker.io/library/many:1", variant{arch: "amd64", layer: makeTar(t, file{name: "amd"})}, variant{arch: "arm64", layer: makeTar(t, file{name: "arm"}), gone: true})...))
	for what, opts := range map[string]SaveOptions{
		"No such image: nothing:latest":                               {Names: []string{"many:1", "nothing"}},
		"no image is named":                                           {},
		"does not provide the specified platform (linux/s390x)":       {Names: []string{"many:1"}, Platforms: []ocispec.Platform{linux("s390x")}},
		"no suitable export target found: sha256:":                    {Names: []string{"many:1"}, Platforms: []ocispec.Platform{linux("arm64")}},
		"does not provide the specified platform (linux/s390x, linux": {Names: []string{"many:1"}, Platforms: []ocispec.Platform{linux("s390x"), linux("arm64")}},
	} {
		opts.Begin = func(int64, []digest.Digest) io.Writer { t.Error("it began: ", what); return io.Discard }
		err := (Archives{s}).Save(context.Background(), opts)
		if err == nil || !strings.Contains(err.Error(), what) || fault.Is(err, fault.Internal) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestOnePlatformIsSavedAloneAndSeveralWithinTheirIndex(t *testing.T) {
	s := openStore(t)
	mustLoad(t, s, makeTar(t, indexFiles(t, "docker.io/library/many:1", variant{arch: "amd64", layer: makeTar(t, file{name: "amd"})},
		variant{arch: "arm64", layer: makeTar(t, file{name: "arm"})}, variant{arch: "s390x", layer: makeTar(t, file{name: "s390x"})})...))
	ctx := context.Background()
	whole, _ := s.Get(ctx, "many:1")
	one := openStore(t)
	mustLoad(t, one, saved(t, s, SaveOptions{Names: []string{"many:1"}, Platforms: []ocispec.Platform{linux("arm64")}}))
	img, err := one.Get(ctx, "many:1")
	if err != nil || img.ID == whole.ID || img.Platform.Architecture != "arm64" {
		t.Errorf("one: %s of %s, %v", img.ID, img.Platform.Architecture, err)
	}
	two := openStore(t)
	mustLoad(t, two, saved(t, s, SaveOptions{Names: []string{"many:1"}, Platforms: []ocispec.Platform{linux("arm64"), linux("s390x")}}))
	img, err = two.Get(ctx, "many:1")
	if err != nil || img.ID != whole.ID {
		t.Fatalf("two: %s, %v", img.ID, err)
	}
	list, err := (Details{two}).Manifests(ctx, img)
	if err != nil {
		t.Fatal(err)
	}
	var here []string
	for _, m := range list {
		if m.Available {
			here = append(here, m.Platform.Architecture)
		}
	}
	if !reflect.DeepEqual(here, []string{"arm64", "s390x"}) {
		t.Errorf("available: %q", here)
	}
}

func TestASaveHoldsWhatIsRemovedMeanwhile(t *testing.T) {
	s := openStore(t)
	small(t, s, "bystander:1")
	before := state(t, s)
	mustLoad(t, s, legacyArchive(t, []string{"x:1"}, busyboxLayer(t)))
	var b bytes.Buffer
	err := (Archives{s}).Save(context.Background(), SaveOptions{Names: []string{"x:1"}, Begin: func(int64, []digest.Digest) io.Writer {
		if _, err := s.Remove(context.Background(), "x:1", RemoveOptions{}); err != nil {
			t.Error(err)
		}
		return &b
	}})
	if err != nil {
		t.Fatal(err)
	}
	if after := state(t, s); after != before {
		t.Errorf("left behind:\n%s\n--- before:\n%s", after, before)
	}
	mustLoad(t, openStore(t), b.Bytes())
}

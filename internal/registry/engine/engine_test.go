package engine

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"berth/internal/image"
	"berth/internal/registry/grammar"
	"berth/internal/registry/refusal"

	"github.com/opencontainers/go-digest"
)

type fixed []image.Image

func (f fixed) List(context.Context) ([]image.Image, error) { return f, nil }

// held writes content as the engine's store has it.
func held(t *testing.T, dir, content string) digest.Digest {
	t.Helper()
	d := digest.FromString(content)
	path := filepath.Join(dir, "content/blobs/sha256")
	if err := errors.Join(os.MkdirAll(path, 0o700), os.WriteFile(filepath.Join(path, d.Encoded()), []byte(content), 0o600)); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestANameIsServedWithoutWhatDockerLeavesOut(t *testing.T) {
	for name, want := range map[string][2]string{
		"docker.io/library/debian:12":  {"debian", "12"},
		"docker.io/someone/x:latest":   {"someone/x", "latest"},
		"ghcr.io/a/b:v1":               {"ghcr.io/a/b", "v1"},
		"localhost:5000/x:1":           {"localhost_5000/x", "1"},
		"localhost:5000/x":             {},
		"docker.io/library/debian":     {},
		"berth-dangling@sha256:abc/..": {},
	} {
		if repo, tag, ok := place(name); repo != want[0] && ok || tag != want[1] && ok || ok != (want[0] != "") {
			t.Errorf("%s is at %s:%s, %v", name, repo, tag, ok)
		}
	}
}

func TestARepositoryHasWhatItsImagesHaveAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	config := held(t, dir, "{}")
	body := `{"schemaVersion":2,"mediaType":"` + grammar.OCIManifest + `","config":{"mediaType":"c","digest":"` + config.String() + `","size":2},"layers":[]}`
	manifest, other := held(t, dir, body), held(t, dir, "other")
	c, err := New(fixed{
		{ID: manifest, Names: []string{"docker.io/library/a:1", "docker.io/library/a:2", "ghcr.io/x/y:1"}, Parts: map[digest.Digest]int64{manifest: 1, config: 1, "chain:sha256:abc": 1}},
		{ID: other, Names: []string{"docker.io/library/b:1"}, Parts: map[digest.Digest]int64{other: 1}},
		{ID: "sha256:dangling"},
	}, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, repo := range []string{"a", "library/a", "ghcr.io/x/y"} {
		m, err := c.Manifest(t.Context(), repo, grammar.Reference{Tag: "1"})
		if err != nil || string(m.Body) != body || m.MediaType != grammar.OCIManifest || m.Digest != manifest {
			t.Errorf("%s: %+v %v", repo, m, err)
		}
		b, err := c.Blob(t.Context(), repo, config)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(b.Content); string(got) != "{}" || err != nil || b.Size != 2 {
			t.Errorf("%q %v", got, err)
		}
		_ = b.Content.Close()
		if _, err := c.Blob(t.Context(), repo, other); !refusal.Is(err, refusal.BlobUnknown) {
			t.Errorf("%s has another's blob: %v", repo, err)
		}
	}
	if _, err := c.Manifest(t.Context(), "a", grammar.Reference{Digest: config}); !refusal.Is(err, refusal.ManifestUnknown) {
		t.Errorf("a config is a manifest: %v", err)
	}
	if tags, err := c.Tags(t.Context(), "a"); !slices.Equal(tags, []string{"1", "2"}) {
		t.Errorf("%v %v", tags, err)
	}
	if _, err := c.Tags(t.Context(), "none"); !refusal.Is(err, refusal.NameUnknown) {
		t.Errorf("%v", err)
	}
	if all, err := c.Repositories(t.Context()); !slices.Equal(all, []string{"a", "b", "ghcr.io/x/y"}) {
		t.Errorf("%v %v", all, err)
	}
}

func TestReferrersAreTheManifestsOfTheRepositoryWithThatSubject(t *testing.T) {
	dir := t.TempDir()
	config := held(t, dir, "{}")
	about := func(kind string, subject digest.Digest) digest.Digest {
		return held(t, dir, `{"schemaVersion":2,"mediaType":"`+grammar.OCIManifest+`","artifactType":"`+kind+`","config":{"mediaType":"c","digest":"`+config.String()+`","size":2},"layers":[],`+
			`"subject":{"mediaType":"`+grammar.OCIManifest+`","digest":"`+subject.String()+`","size":9},"annotations":{"for":"a"}}`)
	}
	image1, image2 := digest.FromString("image"), digest.SHA512.FromString("image")
	sbom, signature, other := about("sbom", image1), about("signature", image1), about("sbom", image2)
	c, err := New(fixed{
		{ID: sbom, Names: []string{"docker.io/library/a:1", "docker.io/library/a:2"}, Parts: map[digest.Digest]int64{sbom: 1, config: 1, "chain:sha256:abc": 1, image1: 1}},
		{ID: signature, Names: []string{"docker.io/library/a:3"}, Parts: map[digest.Digest]int64{signature: 1, sbom: 1}},
		{ID: other, Names: []string{"docker.io/library/b:1"}, Parts: map[digest.Digest]int64{other: 1}},
	}, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, w := range []struct {
		repo    string
		subject digest.Digest
		want    []digest.Digest
	}{{"a", image1, []digest.Digest{sbom, signature}}, {"a", image2, nil}, {"b", image2, []digest.Digest{other}}, {"b", image1, nil}, {"none", image1, nil}} {
		found, err := c.Referrers(t.Context(), w.repo, w.subject)
		if err != nil {
			t.Fatal(err)
		}
		var got []digest.Digest
		for _, d := range found {
			got = append(got, d.Digest)
			if d.Size == 0 || d.Annotations["for"] != "a" || d.ArtifactType == "" || d.MediaType != grammar.OCIManifest {
				t.Errorf("%+v", d)
			}
		}
		slices.Sort(w.want)
		if !slices.Equal(got, w.want) {
			t.Errorf("%s has %v about %s", w.repo, got, w.subject)
		}
	}
}

func TestContentIsHadByDigestsOfBothKinds(t *testing.T) {
	dir := t.TempDir()
	d := digest.SHA512.FromString("x")
	path := filepath.Join(dir, "content/blobs/sha512")
	if err := errors.Join(os.MkdirAll(path, 0o700), os.WriteFile(filepath.Join(path, d.Encoded()), []byte("x"), 0o600)); err != nil {
		t.Fatal(err)
	}
	c, err := New(fixed{{ID: d, Names: []string{"docker.io/library/a:1"}, Parts: map[digest.Digest]int64{d: 1}}}, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b, err := c.Blob(t.Context(), "a", d)
	if err != nil || b.Size != 1 {
		t.Fatal(b, err)
	}
	if err := b.Content.Close(); err != nil {
		t.Error(err)
	}
}

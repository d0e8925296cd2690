// Package suite is what every registry.Content has to do, as a test that each
// of them runs.
package suite

import (
	"fmt"
	"io"
	"slices"
	"testing"

	"berth/internal/registry"
	"berth/internal/registry/grammar"
	"berth/internal/registry/refusal"

	"github.com/opencontainers/go-digest"
)

// Image is an image of one blob.
type Image struct {
	Repo string
	Tags []string
	Blob string
}

// Images are what a content under test has to have, and nothing else.
func Images() []Image {
	return []Image{{"a", []string{"1", "2"}, `{"of":"a"}`}, {"b/c", []string{"x"}, `{"of":"b"}`}}
}

// Manifest is the image's manifest.
func (i Image) Manifest() string {
	return fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"type/config","digest":%q,"size":%d},"layers":[]}`,
		grammar.OCIManifest, digest.FromString(i.Blob), len(i.Blob))
}

// Run tests a content that has Images.
func Run(t *testing.T, c registry.Content) {
	t.Helper()
	for _, i := range Images() {
		t.Run(i.Repo, func(t *testing.T) {
			manifests(t, c, i)
			blobs(t, c, i)
			if tags, err := c.Tags(t.Context(), i.Repo); err != nil || !slices.Equal(tags, i.Tags) {
				t.Errorf("tags: %v %v", tags, err)
			}
			if list, err := c.Referrers(t.Context(), i.Repo, digest.FromString(i.Manifest())); err != nil || len(list) != 0 {
				t.Errorf("referrers of what has none: %v %v", list, err)
			}
		})
	}
	t.Run("what is not there", func(t *testing.T) { unknown(t, c) })
}

func manifests(t *testing.T, c registry.Content, i Image) {
	t.Helper()
	d := digest.FromString(i.Manifest())
	refs := []grammar.Reference{{Digest: d}}
	for _, tag := range i.Tags {
		refs = append(refs, grammar.Reference{Tag: tag})
	}
	for _, ref := range refs {
		m, err := c.Manifest(t.Context(), i.Repo, ref)
		if err != nil || m.Digest != d || m.MediaType != grammar.OCIManifest || string(m.Body) != i.Manifest() {
			t.Errorf("%s: %+v %v", ref, m, err)
		}
	}
}

func blobs(t *testing.T, c registry.Content, i Image) {
	t.Helper()
	for range 2 { // the second time it may be from somewhere else
		b, err := c.Blob(t.Context(), i.Repo, digest.FromString(i.Blob))
		if err != nil {
			t.Fatal(err)
		}
		if end, err := b.Content.Seek(0, io.SeekEnd); end != b.Size || int(end) != len(i.Blob) || err != nil {
			t.Errorf("%d bytes, and the size is %d: %v", end, b.Size, err)
		}
		if _, err := b.Content.Seek(2, io.SeekStart); err != nil {
			t.Error(err)
		}
		if got, err := io.ReadAll(b.Content); string(got) != i.Blob[2:] || err != nil {
			t.Errorf("from the third byte: %q %v", got, err)
		}
		if err := b.Content.Close(); err != nil {
			t.Error(err)
		}
	}
}

func unknown(t *testing.T, c registry.Content) {
	images := Images()
	a, b := images[0], images[1]
	for _, repo := range []string{a.Repo, "nothing"} {
		for _, d := range []digest.Digest{digest.FromString(b.Blob), digest.FromString("nowhere"), digest.SHA512.FromString("nowhere")} {
			if _, err := c.Blob(t.Context(), repo, d); !refusal.Is(err, refusal.BlobUnknown) {
				t.Errorf("blob %s in %s: %v", d, repo, err)
			}
		}
		for _, ref := range []grammar.Reference{{Tag: "x"}, {Digest: digest.FromString(b.Manifest())}, {Digest: digest.FromString(a.Blob)}} {
			if _, err := c.Manifest(t.Context(), repo, ref); !refusal.Is(err, refusal.ManifestUnknown) {
				t.Errorf("manifest %s in %s: %v", ref, repo, err)
			}
		}
	}
	if _, err := c.Tags(t.Context(), "nothing"); !refusal.Is(err, refusal.NameUnknown) {
		t.Errorf("tags: %v", err)
	}
}

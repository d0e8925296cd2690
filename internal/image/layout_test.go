package image

import (
	"testing"

	"berth/internal/archive/compression"
	"berth/internal/fault"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func FuzzContents(f *testing.F) {
	f.Add([]byte(`{"imageLayoutVersion":"1.0.0"}`), []byte(`{"manifests":[{"digest":"`+digest.FromString("x").String()+`"}]}`), []byte(nil))
	f.Add([]byte(nil), []byte(nil), []byte(`[{"Config":"c","RepoTags":["x:1"],"Layers":["../l"]}]`))
	f.Fuzz(func(t *testing.T, layout, index, manifest []byte) {
		found, err := contents(layout, index, manifest)
		if err != nil && !fault.Is(err, fault.Invalid) {
			t.Error(err)
		}
		a := &archive{blobs: map[string]ocispec.Descriptor{"c": {}}, links: map[string]string{"l": "l"}}
		for _, n := range found {
			if n.name != "" {
				if again, err := normalize(n.name); err != nil || again != n.name {
					t.Errorf("name %q: %q, %v", n.name, again, err)
				}
			}
			if n.legacy != nil {
				a.manifestOf(n.legacy, func(ocispec.Descriptor) (compression.Kind, error) { return compression.Plain, nil })
			} else if n.target.Digest.Validate() != nil {
				t.Errorf("digest %q", n.target.Digest)
			}
		}
	})
}

package tarball

import (
	"strings"
	"testing"

	"berth/internal/fault"
	"berth/internal/image/spelling"

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
		a := &Archive{blobs: map[string]ocispec.Descriptor{"c": {}}, links: map[string]string{"l": "l"}}
		for _, n := range found {
			if n.Name != "" {
				if again, err := spelling.Normalize(n.Name); err != nil || again != n.Name {
					t.Errorf("name %q: %q, %v", n.Name, again, err)
				}
			}
			if n.Legacy != nil {
				a.Manifest(n.Legacy, func(d ocispec.Descriptor) (ocispec.Descriptor, error) { return d, nil })
			} else if n.Target.Digest.Validate() != nil {
				t.Errorf("digest %q", n.Target.Digest)
			}
		}
	})
}

func TestALayoutGivesNoNameThatReadsAsAnID(t *testing.T) {
	if name := layoutName(map[string]string{"io.containerd.image.name": "docker.io/library/sha256:" + strings.Repeat("0", 64)}); name != "" {
		t.Errorf("named %s", name)
	}
}

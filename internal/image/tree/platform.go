package tree

import (
	"cmp"
	"slices"
	"strings"

	"berth/internal/fault"
	"berth/internal/image/spelling"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// MostWanted is what this host runs of complete manifests, of which there is one at least.
func (t *Tree) MostWanted() Manifest {
	host := platforms.Default()
	best := -1
	for i, m := range t.Manifests {
		if host.Match(m.Config.Platform) && (best < 0 || host.Less(m.Config.Platform, t.Manifests[best].Config.Platform)) {
			best = i
		}
	}
	return t.Manifests[max(best, 0)]
}

// Provide finds the best manifest for a platform.
func (t *Tree) Provide(ref string, p ocispec.Platform) (Manifest, error) {
	match := platforms.Only(p)
	best := -1
	for i, m := range t.Manifests {
		if match.Match(m.Config.Platform) && (best < 0 || match.Less(m.Config.Platform, t.Manifests[best].Config.Platform)) {
			best = i
		}
	}
	if best < 0 {
		return Manifest{}, fault.New(fault.NotFound, "image with reference %s was found but does not provide the specified platform (%s)", ref, platforms.FormatAll(p))
	}
	return t.Manifests[best], nil
}

// Running are the manifests that are to be unpacked: those of the platforms that were asked for, each of
// which must be there, or what the host runs. With platforms the tree forgets its other manifests.
func (t *Tree) Running(name string, wanted []ocispec.Platform) ([]Manifest, error) {
	if len(wanted) == 0 {
		m, err := t.Choose()
		return []Manifest{m}, err
	}
	var run []Manifest
	for _, p := range wanted {
		fits := platforms.OnlyStrict(p)
		i := slices.IndexFunc(t.Manifests, func(m Manifest) bool { return fits.Match(m.Config.Platform) })
		if i < 0 {
			return nil, fault.New(fault.NotFound, "requested platform (%s) not found: image %s does not provide it", platforms.FormatAll(p), cmp.Or(spelling.Familiar(name), t.Target.Digest.String()))
		}
		run = append(run, t.Manifests[i])
	}
	kept := map[digest.Digest]bool{}
	for _, m := range run {
		kept[m.Desc.Digest] = true
	}
	for parent, children := range t.Children {
		t.Children[parent] = slices.DeleteFunc(children, func(d ocispec.Descriptor) bool {
			return images.IsManifestType(d.MediaType) && !kept[d.Digest]
		})
	}
	return run, nil
}

func formatAll(list []ocispec.Platform) string {
	var words []string
	for _, p := range list {
		words = append(words, platforms.FormatAll(p))
	}
	return strings.Join(words, ", ")
}

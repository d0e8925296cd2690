package image

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"berth/internal/fault"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// mostWanted is what this host runs of complete manifests, of which there is one at least.
func (t *tree) mostWanted() platformManifest {
	host := platforms.Default()
	best := -1
	for i, m := range t.manifests {
		if host.Match(m.config.Platform) && (best < 0 || host.Less(m.config.Platform, t.manifests[best].config.Platform)) {
			best = i
		}
	}
	return t.manifests[max(best, 0)]
}

// provide finds the best manifest for a platform.
func (t *tree) provide(ref string, p ocispec.Platform) (platformManifest, error) {
	match := platforms.Only(p)
	best := -1
	for i, m := range t.manifests {
		if match.Match(m.config.Platform) && (best < 0 || match.Less(m.config.Platform, t.manifests[best].config.Platform)) {
			best = i
		}
	}
	if best < 0 {
		return platformManifest{}, fault.New(fault.NotFound, "image with reference %s was found but does not provide the specified platform (%s)", ref, platforms.FormatAll(p))
	}
	return t.manifests[best], nil
}

// running are the manifests that are to be unpacked: those of the platforms that were asked for, each of
// which must be there, or what the host runs. With platforms the tree forgets its other manifests.
func (t *tree) running(name string, wanted []ocispec.Platform) ([]platformManifest, error) {
	if len(wanted) == 0 {
		m, err := t.choose()
		return []platformManifest{m}, err
	}
	var run []platformManifest
	for _, p := range wanted {
		fits := platforms.OnlyStrict(p)
		i := slices.IndexFunc(t.manifests, func(m platformManifest) bool { return fits.Match(m.config.Platform) })
		if i < 0 {
			return nil, fault.New(fault.NotFound, "requested platform (%s) not found: image %s does not provide it", platforms.FormatAll(p), cmp.Or(familiar(name), t.target.Digest.String()))
		}
		run = append(run, t.manifests[i])
	}
	kept := map[digest.Digest]bool{}
	for _, m := range run {
		kept[m.desc.Digest] = true
	}
	for parent, children := range t.children {
		t.children[parent] = slices.DeleteFunc(children, func(d ocispec.Descriptor) bool {
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

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

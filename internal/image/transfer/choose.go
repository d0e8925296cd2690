package transfer

import (
	"slices"
	"strings"

	"berth/internal/fault"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/platforms"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// CheckParts refuses a manifest that is not an image's, before anything of it is fetched.
func CheckParts(m ocispec.Manifest) error {
	if m.Config.MediaType != images.MediaTypeDockerSchema2Config && m.Config.MediaType != ocispec.MediaTypeImageConfig && m.Config.MediaType != "application/octet-stream" {
		return fault.New(fault.Invalid, "unsupported media type %s of a config: it is not an image", fault.Quoted(m.Config.MediaType))
	}
	for _, part := range append([]ocispec.Descriptor{m.Config}, m.Layers...) {
		if err := part.Digest.Validate(); err != nil || part.Size < 0 {
			return fault.New(fault.Invalid, "the registry's manifest is not valid: %s of %d bytes", fault.Quoted(part.Digest.String()), part.Size)
		}
	}
	for _, layer := range m.Layers {
		if !images.IsLayerType(layer.MediaType) || strings.HasSuffix(layer.MediaType, "encrypted") {
			return fault.New(fault.Invalid, "unsupported media type %s of layer %s", fault.Quoted(layer.MediaType), layer.Digest)
		}
	}
	return nil
}

// Best picks what a platform runs from an index.
func Best(list []ocispec.Descriptor, want ocispec.Platform, host bool) (ocispec.Descriptor, error) {
	matcher := platforms.Only(want)
	if host {
		matcher = platforms.Default()
	}
	best := -1
	for i, d := range list {
		if d.Platform == nil || isAttestation(d) || !matcher.Match(*d.Platform) || !images.IsManifestType(d.MediaType) && !images.IsIndexType(d.MediaType) {
			continue
		}
		if best < 0 || matcher.Less(*d.Platform, *list[best].Platform) {
			best = i
		}
	}
	if best >= 0 {
		return list[best], nil
	}
	if i := slices.IndexFunc(list, func(d ocispec.Descriptor) bool { return d.Platform == nil && images.IsManifestType(d.MediaType) }); i >= 0 {
		return list[i], nil // its config will tell
	}
	return ocispec.Descriptor{}, fault.New(fault.NotFound, "no matching manifest for %s in the manifest list entries", platforms.FormatAll(want))
}

// isAttestation tells BuildKit's provenance and the like, which nobody runs.
func isAttestation(d ocispec.Descriptor) bool {
	return d.Annotations["vnd.docker.reference.type"] != "" || d.Platform.OS == "unknown"
}

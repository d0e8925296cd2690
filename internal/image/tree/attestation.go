package tree

import ()

import ()

import ()

import ocispec "github.com/opencontainers/image-spec/specs-go/v1"

// AttestationFor is the annotation of an attestation that says what it is about (buildkit
// docs/attestations/attestation-storage.md).
const AttestationFor = "vnd.docker.reference.digest"

// IsAttestation tells BuildKit's provenance and the like, which nobody runs.
func IsAttestation(d ocispec.Descriptor) bool {
	return d.Annotations["vnd.docker.reference.type"] != "" || d.Platform != nil && d.Platform.OS == "unknown"
}

// Attesting are the layers of the attestation that stands beside a manifest.
func (t *Tree) Attesting(about ocispec.Descriptor) []ocispec.Descriptor {
	var layers []ocispec.Descriptor
	t.EachManifest(t.Target, func(m ocispec.Descriptor) {
		if parts := t.Children[m.Digest]; IsAttestation(m) && m.Annotations[AttestationFor] == about.Digest.String() && len(parts) > 1 {
			layers = parts[1:] // after the config
		}
	})
	return layers
}

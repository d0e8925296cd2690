package image

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"berth/internal/archive/compression"
	"berth/internal/fault"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/distribution/reference"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// named is one image of an archive: what it is called, if anything, and what
// describes it.
type named struct {
	name   string             // normalized with a tag, or ""
	target ocispec.Descriptor // in an OCI layout
	legacy *legacyImage       // in docker save's own form
}

// legacyImage is an entry of manifest.json (moby image/spec v1.2).
type legacyImage struct {
	Config   string
	RepoTags []string
	Layers   []string
}

var errUnrecognized = errors.New("unrecognized image format")

// contents says which images an archive's documents name. It prefers the OCI
// layout when there is one, as containerd does.
func contents(layout, index, manifest []byte) ([]named, error) {
	switch {
	case layout != nil:
		return layoutImages(layout, index)
	case manifest != nil:
		return legacyImages(manifest)
	}
	return nil, fault.As(fault.Invalid, errUnrecognized)
}

func layoutImages(layout, index []byte) ([]named, error) {
	var version ocispec.ImageLayout
	if err := json.Unmarshal(layout, &version); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "invalid image archive: oci-layout")
	}
	if version.Version != ocispec.ImageLayoutVersion {
		return nil, fault.New(fault.Invalid, "invalid image archive: unsupported OCI version %s", fault.Quoted(version.Version))
	}
	if index == nil {
		return nil, fault.New(fault.Invalid, "invalid image archive: missing index.json in OCI layout %s", version.Version)
	}
	var idx ocispec.Index
	if err := json.Unmarshal(index, &idx); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "invalid image archive: index.json")
	}
	var found []named
	for _, m := range idx.Manifests {
		if err := m.Digest.Validate(); err != nil {
			return nil, fault.Wrap(fault.Invalid, err, "invalid image archive: index.json")
		}
		if isAttestation(m) {
			continue
		}
		found = append(found, named{name: layoutName(m.Annotations), target: m})
	}
	if len(found) == 0 {
		return nil, fault.New(fault.Invalid, "invalid image archive: index.json names no image")
	}
	return found, nil
}

// layoutName is the image's full name. containerd and Docker write it as their
// own annotation; skopeo and others write it as the OCI reference name, which
// may also be a mere tag, that names nothing.
func layoutName(annotations map[string]string) string {
	if name, err := normalize(annotations[images.AnnotationImageName]); err == nil {
		return name
	}
	ref := annotations[ocispec.AnnotationRefName]
	if !bytes.ContainsAny([]byte(ref), ":/") {
		return ""
	}
	name, err := normalize(ref)
	if err != nil {
		return ""
	}
	return name
}

func legacyImages(manifest []byte) ([]named, error) {
	var entries []legacyImage
	if err := json.Unmarshal(manifest, &entries); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "invalid image archive: manifest.json")
	}
	var found []named
	for i := range entries {
		e := &entries[i]
		for _, tag := range e.RepoTags {
			name, err := parseTarget(tag) // no digest: what an archive says of itself proves nothing
			if err != nil {
				return nil, fault.Wrap(fault.Invalid, err, "invalid image archive: invalid tag %s", fault.Quoted(tag))
			}
			found = append(found, named{name: name.String(), legacy: e})
		}
		if len(e.RepoTags) == 0 {
			found = append(found, named{legacy: e})
		}
	}
	if len(found) == 0 {
		return nil, fault.New(fault.Invalid, "invalid image archive: manifest.json names no image")
	}
	return found, nil
}

// normalize turns a name as people write it into the form that is stored.
func normalize(name string) (string, error) {
	ref, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return "", err
	}
	if looksLikeID(ref) {
		return "", errAmbiguous
	}
	return reference.TagNameOnly(ref).String(), nil
}

// isAttestation tells BuildKit's provenance and the like, which nobody runs.
func isAttestation(d ocispec.Descriptor) bool {
	return d.Annotations["vnd.docker.reference.type"] != "" || d.Platform != nil && d.Platform.OS == "unknown"
}

// blob finds a file of the archive, through one of its links if need be.
func (a *archive) blob(name string) (ocispec.Descriptor, error) {
	name, err := inside(name)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	if d, ok := a.blobs[name]; ok {
		return d, nil
	}
	if d, ok := a.blobs[a.links[name]]; ok {
		return d, nil
	}
	return ocispec.Descriptor{}, fmt.Errorf("%s not found", fault.Quoted(name))
}

// manifestOf writes the manifest that docker save's form leaves out. kind tells
// the compression of a layer. Equal archives give equal manifests.
func (a *archive) manifestOf(l *legacyImage, kind func(ocispec.Descriptor) (compression.Kind, error)) ([]byte, error) {
	config, err := a.blob(l.Config)
	if err != nil {
		return nil, fmt.Errorf("config %w", err)
	}
	config.MediaType = images.MediaTypeDockerSchema2Config
	m := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: images.MediaTypeDockerSchema2Manifest,
		Config: config, Layers: []ocispec.Descriptor{},
	}
	for _, name := range l.Layers {
		layer, err := a.blob(name)
		if err != nil {
			return nil, fmt.Errorf("layer %w", err)
		}
		k, err := kind(layer)
		if err != nil {
			return nil, err
		}
		if layer.MediaType = layerType(k); layer.MediaType == "" {
			return nil, fmt.Errorf("layer %s: unsupported compression", fault.Quoted(name))
		}
		m.Layers = append(m.Layers, layer)
	}
	return json.Marshal(m)
}

func layerType(k compression.Kind) string {
	switch k {
	case compression.Plain:
		return images.MediaTypeDockerSchema2Layer
	case compression.Gzip:
		return images.MediaTypeDockerSchema2LayerGzip
	case compression.Zstandard:
		return images.MediaTypeDockerSchema2LayerZstd
	}
	return ""
}

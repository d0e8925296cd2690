package tarball

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"berth/internal/archive/compression"
	"berth/internal/fault"
	"berth/internal/image/spelling"
	"berth/internal/image/tree"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Named is one image of an archive: what it is called, if anything, and what
// describes it.
type Named struct {
	Name   string             // normalized with a tag, or ""
	Target ocispec.Descriptor // in an OCI layout
	Legacy *Legacy            // in docker save's own form
}

// Legacy is an entry of manifest.json (moby image/spec v1.2).
type Legacy struct {
	Config   string
	RepoTags []string
	Layers   []string
}

var errUnrecognized = errors.New("unrecognized image format")

// Images are the images that the archive's documents name.
func (a *Archive) Images() ([]Named, error) { return contents(a.layout, a.index, a.manifest) }

// contents says which images the archive's documents name. It prefers the OCI
// layout when there is one, as containerd does.
func contents(layout, index, manifest []byte) ([]Named, error) {
	switch {
	case layout != nil:
		return layoutImages(layout, index)
	case manifest != nil:
		return legacyImages(manifest)
	}
	return nil, fault.As(fault.Invalid, errUnrecognized)
}

func layoutImages(layout, index []byte) ([]Named, error) {
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
	var found []Named
	for _, m := range idx.Manifests {
		if err := m.Digest.Validate(); err != nil {
			return nil, fault.Wrap(fault.Invalid, err, "invalid image archive: index.json")
		}
		if tree.IsAttestation(m) {
			continue
		}
		found = append(found, Named{Name: layoutName(m.Annotations), Target: m})
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
	if name, err := spelling.Normalize(annotations[images.AnnotationImageName]); err == nil {
		return name
	}
	ref := annotations[ocispec.AnnotationRefName]
	if !bytes.ContainsAny([]byte(ref), ":/") {
		return ""
	}
	name, err := spelling.Normalize(ref)
	if err != nil {
		return ""
	}
	return name
}

func legacyImages(manifest []byte) ([]Named, error) {
	var entries []Legacy
	if err := json.Unmarshal(manifest, &entries); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "invalid image archive: manifest.json")
	}
	var found []Named
	for i := range entries {
		e := &entries[i]
		for _, tag := range e.RepoTags {
			name, err := spelling.Target(tag) // no digest: what an archive says of itself proves nothing
			if err != nil {
				return nil, fault.Wrap(fault.Invalid, err, "invalid image archive: invalid tag %s", fault.Quoted(tag))
			}
			found = append(found, Named{Name: name.String(), Legacy: e})
		}
		if len(e.RepoTags) == 0 {
			found = append(found, Named{Legacy: e})
		}
	}
	if len(found) == 0 {
		return nil, fault.New(fault.Invalid, "invalid image archive: manifest.json names no image")
	}
	return found, nil
}

// blob finds a file of the archive, through one of its links if need be.
func (a *Archive) blob(name string) (ocispec.Descriptor, error) {
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

// Manifest writes the manifest that docker save's form leaves out. fit gives a layer its media type, or makes another
// one of it. Equal archives give equal manifests.
func (a *Archive) Manifest(l *Legacy, fit func(ocispec.Descriptor) (ocispec.Descriptor, error)) ([]byte, error) {
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
		if layer, err = fit(layer); err != nil {
			return nil, fmt.Errorf("layer %s: %w", fault.Quoted(name), err)
		}
		m.Layers = append(m.Layers, layer)
	}
	return json.Marshal(m)
}

// LayerType is the media type of a layer that is packed in one of the ways which images know; "" for other ones.
func LayerType(k compression.Kind) string {
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

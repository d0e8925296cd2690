// Package tree reads what images consist of: indexes, manifests and configurations, as far as they are in the store.
package tree

import (
	"context"
	"encoding/json"
	"fmt"

	"berth/internal/fault"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/identity"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

const (
	// DocumentLimit is the most that a manifest, index or config may take.
	DocumentLimit = 8 << 20
	// depthLimit is how deep indexes may nest.
	depthLimit = 4
)

// Tree is what hangs on an image's target, as far as it is in the store.
type Tree struct {
	Target    ocispec.Descriptor
	Size      int64 // of the target itself
	Children  map[digest.Digest][]ocispec.Descriptor
	Manifests []Manifest // complete ones, in the index's order
	missing   []error    // why others are not complete
}

// Manifest is one image that could be run.
type Manifest struct {
	Desc     ocispec.Descriptor
	Manifest ocispec.Manifest
	Config   dockerspec.DockerOCIImage
}

// Read reads the documents of an image. An index may lack some of its
// manifests or their layers (docker save --platform); the image is usable when
// one is complete.
func Read(ctx context.Context, store content.Store, target ocispec.Descriptor) (*Tree, error) {
	t := &Tree{Target: target, Children: map[digest.Digest][]ocispec.Descriptor{}}
	info, err := store.Info(ctx, target.Digest)
	if err != nil {
		return nil, err
	}
	t.Size = info.Size
	return t, t.walk(ctx, store, target, 0)
}

func (t *Tree) walk(ctx context.Context, store content.Store, d ocispec.Descriptor, depth int) error {
	if _, seen := t.Children[d.Digest]; seen {
		return nil
	}
	if depth > depthLimit {
		return fmt.Errorf("indexes nest deeper than %d", depthLimit)
	}
	switch {
	case images.IsIndexType(d.MediaType):
		var idx ocispec.Index
		if err := ReadDocument(ctx, store, d, &idx); err != nil {
			return t.absent(d, err)
		}
		t.Children[d.Digest] = idx.Manifests
		for _, m := range idx.Manifests {
			if err := t.walk(ctx, store, m, depth+1); err != nil {
				return err
			}
		}
		return nil
	case images.IsManifestType(d.MediaType):
		return t.absent(d, t.manifest(ctx, store, d))
	}
	return nil // nothing that we can run
}

// absent lets a part be missing, but not be wrong.
func (t *Tree) absent(d ocispec.Descriptor, err error) error {
	if errdefs.IsNotFound(err) {
		t.missing = append(t.missing, fmt.Errorf("%s: %w", d.Digest, err))
		return nil
	}
	return err
}

func (t *Tree) manifest(ctx context.Context, store content.Store, d ocispec.Descriptor) error {
	m := Manifest{Desc: d}
	if err := ReadDocument(ctx, store, d, &m.Manifest); err != nil {
		return err
	}
	t.Children[d.Digest] = append([]ocispec.Descriptor{m.Manifest.Config}, m.Manifest.Layers...)
	if IsAttestation(d) {
		return nil
	}
	if err := ReadDocument(ctx, store, m.Manifest.Config, &m.Config); err != nil {
		return err
	}
	for _, id := range m.Config.RootFS.DiffIDs {
		if err := id.Validate(); err != nil {
			return fmt.Errorf("%s: invalid diff ID: %w", m.Manifest.Config.Digest, err)
		}
	}
	for _, l := range m.Manifest.Layers {
		if err := l.Digest.Validate(); err != nil {
			return fmt.Errorf("%s: invalid layer: %w", d.Digest, err)
		}
		if _, err := store.Info(ctx, l.Digest); err != nil {
			return err
		}
	}
	t.Manifests = append(t.Manifests, m)
	return nil
}

// Choose picks what this host runs: the best match, else the first one, which
// then gives a warning at create.
func (t *Tree) Choose() (Manifest, error) {
	if len(t.Manifests) == 0 {
		if len(t.missing) > 0 {
			return Manifest{}, fault.Wrap(fault.Invalid, t.missing[0], "invalid image archive: content is missing")
		}
		return Manifest{}, fault.New(fault.Invalid, "invalid image archive: %s holds no image", t.Target.Digest)
	}
	return t.MostWanted(), nil
}

// Contents are the present blobs of the tree and what they take, in bytes.
func (t *Tree) Contents(ctx context.Context, store content.Store) map[digest.Digest]int64 {
	parts := map[digest.Digest]int64{}
	add := func(d digest.Digest) {
		if _, seen := parts[d]; seen {
			return
		}
		if info, err := store.Info(ctx, d); err == nil {
			parts[d] = info.Size
		}
	}
	add(t.Target.Digest)
	for parent, children := range t.Children {
		add(parent)
		for _, c := range children {
			add(c.Digest)
		}
	}
	return parts
}

// ReadDocument reads a JSON blob. Its digest was checked when it was written.
func ReadDocument(ctx context.Context, store content.Store, d ocispec.Descriptor, v any) error {
	if err := d.Digest.Validate(); err != nil {
		return fmt.Errorf("invalid descriptor: %w", err)
	}
	info, err := store.Info(ctx, d.Digest)
	if err != nil {
		return err
	}
	if info.Size > DocumentLimit {
		return fmt.Errorf("%s: a document of %d bytes is too large", d.Digest, info.Size)
	}
	d.Size = info.Size
	p, err := content.ReadBlob(ctx, store, d)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(p, v); err != nil {
		return fmt.Errorf("%s: %w", d.Digest, err)
	}
	return nil
}

// EachManifest calls fn for what is no index below d, d itself included.
func (t *Tree) EachManifest(d ocispec.Descriptor, fn func(ocispec.Descriptor)) {
	if !images.IsIndexType(d.MediaType) {
		fn(d)
		return
	}
	for _, m := range t.Children[d.Digest] {
		if m.Digest != d.Digest {
			t.EachManifest(m, fn)
		}
	}
}

// ChainIDs are the snapshots' names: image-spec config.md, "Layer ChainID".
func ChainIDs(diffIDs []digest.Digest) []string {
	names := make([]string, len(diffIDs))
	for i, d := range identity.ChainIDs(append([]digest.Digest(nil), diffIDs...)) {
		names[i] = d.String()
	}
	return names
}

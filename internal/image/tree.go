package image

import (
	"context"
	"encoding/json"
	"fmt"

	"berth/internal/fault"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

const (
	// documentLimit is the most that a manifest, index or config may take.
	documentLimit = 8 << 20
	// depthLimit is how deep indexes may nest.
	depthLimit = 4
)

// tree is what hangs on an image's target, as far as it is in the store.
type tree struct {
	target    ocispec.Descriptor
	size      int64 // of the target itself
	children  map[digest.Digest][]ocispec.Descriptor
	manifests []platformManifest // complete ones, in the index's order
	missing   []error            // why others are not complete
}

// platformManifest is one image that could be run.
type platformManifest struct {
	desc     ocispec.Descriptor
	manifest ocispec.Manifest
	config   Config
}

// readTree reads the documents of an image. An index may lack some of its
// manifests or their layers (docker save --platform); the image is usable when
// one is complete.
func readTree(ctx context.Context, store content.Store, target ocispec.Descriptor) (*tree, error) {
	t := &tree{target: target, children: map[digest.Digest][]ocispec.Descriptor{}}
	info, err := store.Info(ctx, target.Digest)
	if err != nil {
		return nil, err
	}
	t.size = info.Size
	return t, t.walk(ctx, store, target, 0)
}

func (t *tree) walk(ctx context.Context, store content.Store, d ocispec.Descriptor, depth int) error {
	if _, seen := t.children[d.Digest]; seen {
		return nil
	}
	if depth > depthLimit {
		return fmt.Errorf("indexes nest deeper than %d", depthLimit)
	}
	switch {
	case images.IsIndexType(d.MediaType):
		var idx ocispec.Index
		if err := readDocument(ctx, store, d, &idx); err != nil {
			return t.absent(d, err)
		}
		t.children[d.Digest] = idx.Manifests
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
func (t *tree) absent(d ocispec.Descriptor, err error) error {
	if errdefs.IsNotFound(err) {
		t.missing = append(t.missing, fmt.Errorf("%s: %w", d.Digest, err))
		return nil
	}
	return err
}

func (t *tree) manifest(ctx context.Context, store content.Store, d ocispec.Descriptor) error {
	m := platformManifest{desc: d}
	if err := readDocument(ctx, store, d, &m.manifest); err != nil {
		return err
	}
	t.children[d.Digest] = append([]ocispec.Descriptor{m.manifest.Config}, m.manifest.Layers...)
	if isAttestation(d) {
		return nil
	}
	if err := readDocument(ctx, store, m.manifest.Config, &m.config); err != nil {
		return err
	}
	for _, id := range m.config.RootFS.DiffIDs {
		if err := id.Validate(); err != nil {
			return fmt.Errorf("%s: invalid diff ID: %w", m.manifest.Config.Digest, err)
		}
	}
	for _, l := range m.manifest.Layers {
		if err := l.Digest.Validate(); err != nil {
			return fmt.Errorf("%s: invalid layer: %w", d.Digest, err)
		}
		if _, err := store.Info(ctx, l.Digest); err != nil {
			return err
		}
	}
	t.manifests = append(t.manifests, m)
	return nil
}

// choose picks what this host runs: the best match, else the first one, which
// then gives a warning at create.
func (t *tree) choose() (platformManifest, error) {
	if len(t.manifests) == 0 {
		if len(t.missing) > 0 {
			return platformManifest{}, fault.Wrap(fault.Invalid, t.missing[0], "invalid image archive: content is missing")
		}
		return platformManifest{}, fault.New(fault.Invalid, "invalid image archive: %s holds no image", t.target.Digest)
	}
	return t.mostWanted(), nil
}

// contents are the present blobs of the tree and what they take, in bytes.
func (t *tree) contents(ctx context.Context, store content.Store) map[digest.Digest]int64 {
	parts := map[digest.Digest]int64{}
	add := func(d digest.Digest) {
		if _, seen := parts[d]; seen {
			return
		}
		if info, err := store.Info(ctx, d); err == nil {
			parts[d] = info.Size
		}
	}
	add(t.target.Digest)
	for parent, children := range t.children {
		add(parent)
		for _, c := range children {
			add(c.Digest)
		}
	}
	return parts
}

// readDocument reads a JSON blob. Its digest was checked when it was written.
func readDocument(ctx context.Context, store content.Store, d ocispec.Descriptor, v any) error {
	if err := d.Digest.Validate(); err != nil {
		return fmt.Errorf("invalid descriptor: %w", err)
	}
	info, err := store.Info(ctx, d.Digest)
	if err != nil {
		return err
	}
	if info.Size > documentLimit {
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

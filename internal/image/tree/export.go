package tree

import (
	"context"
	"fmt"

	"berth/internal/fault"
	"berth/internal/image/bundle"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Export is what of a tree goes into an archive.
func (t *Tree) Export(ctx context.Context, store content.Store, wanted []ocispec.Platform) (bundle.Image, error) {
	img := bundle.Image{Target: t.Target}
	img.Target.Size = t.Size
	fits := func(ocispec.Platform) bool { return true }
	if len(wanted) > 0 {
		fits = platforms.Any(wanted...).Match
	}
	var runs []Manifest
	for _, m := range t.Manifests {
		if fits(m.Config.Platform) {
			runs = append(runs, m)
		}
	}
	if len(wanted) > 0 && len(runs) == 0 {
		return img, fault.New(fault.NotFound, "no suitable export target found: %s does not provide the specified platform (%s)", t.Target.Digest, formatAll(wanted))
	}
	if len(runs) > 0 {
		main := (&Tree{Manifests: runs}).MostWanted()
		img.Main = bundle.Manifest{Digest: main.Desc.Digest, Config: main.Manifest.Config.Digest}
		for _, l := range main.Manifest.Layers {
			img.Main.Layers = append(img.Main.Layers, l.Digest)
		}
		if len(wanted) == 1 {
			img.Target = main.Desc
			img.Target.Annotations = nil
		}
	}
	b := &gatherer{ctx: ctx, store: store, tree: t, seen: map[digest.Digest]bool{}}
	if len(wanted) > 0 {
		b.keep = func(d ocispec.Descriptor) bool { return d.Platform == nil || fits(platforms.Normalize(*d.Platform)) }
	}
	if err := b.add(img.Target); err != nil {
		return img, err
	}
	img.Blobs = b.blobs
	return img, nil
}

// gatherer collects the blobs below a descriptor, with the sizes that they have.
type gatherer struct {
	ctx   context.Context
	store content.Store
	tree  *Tree
	keep  func(ocispec.Descriptor) bool // of an index's manifests; nil for all
	seen  map[digest.Digest]bool
	blobs []ocispec.Descriptor
}

// add collects d and what hangs on it. Of a manifest that is not whole only the manifest is taken, as
// containerd does: its layers would be of no use.
func (g *gatherer) add(d ocispec.Descriptor) error {
	info, err := g.store.Info(g.ctx, d.Digest)
	if err != nil {
		return fmt.Errorf("%s: %w", d.Digest, err)
	}
	d.Size = info.Size
	if !g.seen[d.Digest] {
		g.seen[d.Digest] = true
		g.blobs = append(g.blobs, d)
	}
	children := g.tree.Children[d.Digest]
	if !images.IsIndexType(d.MediaType) {
		for _, c := range children {
			if _, err := g.store.Info(g.ctx, c.Digest); err != nil {
				return nil //nolint:nilerr // not whole, as said above
			}
		}
	}
	for _, c := range children {
		if images.IsIndexType(d.MediaType) {
			if g.keep != nil && !g.keep(c) {
				continue
			}
			if _, err := g.store.Info(g.ctx, c.Digest); err != nil {
				continue // of a platform that was never fetched
			}
		}
		if err := g.add(c); err != nil {
			return err
		}
	}
	return nil
}

package image

import (
	"context"
	"time"

	"berth/internal/fault"
	"berth/internal/image/cause"
	"berth/internal/image/tree"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Details tells of images what their documents hold beyond a list's line.
type Details struct{ *Service }

// Kind is what a manifest of an image is for.
type Kind string

// What manifests are for, in Docker's words.
const (
	KindImage       Kind = "image"
	KindAttestation Kind = "attestation"
	KindUnknown     Kind = "unknown"
)

// Manifest is one manifest of an image as far as it is in the store.
type Manifest struct {
	Descriptor ocispec.Descriptor
	Kind       Kind
	Available  bool  // everything that it refers to is here
	Content    int64 // bytes of what is here
	Unpacked   int64 // bytes of its layers' directories
	Platform   ocispec.Platform
	For        digest.Digest // what an attestation is about
}

// Manifests lists the manifests of an image in its index's order.
func (d Details) Manifests(ctx context.Context, img Image) ([]Manifest, error) {
	ctx = scoped(ctx)
	t, err := tree.Read(ctx, d.content, img.Target)
	if err != nil {
		return nil, cause.Classify(err)
	}
	var list []Manifest
	t.EachManifest(t.Target, func(desc ocispec.Descriptor) {
		list = append(list, d.manifest(ctx, t, desc))
	})
	return list, nil
}

// manifest describes one of them.
func (s *stores) manifest(ctx context.Context, t *tree.Tree, desc ocispec.Descriptor) Manifest {
	m := Manifest{Descriptor: desc, Kind: KindUnknown, Available: true}
	if tree.IsAttestation(desc) {
		m.Kind, m.For = KindAttestation, digest.Digest(desc.Annotations[tree.AttestationFor])
	} else if images.IsManifestType(desc.MediaType) {
		m.Kind = KindImage
	}
	if desc.Platform != nil {
		m.Platform = *desc.Platform
	}
	children, known := t.Children[desc.Digest]
	m.Available = known
	seen := map[digest.Digest]bool{}
	for _, part := range append([]ocispec.Descriptor{desc}, children...) {
		if seen[part.Digest] {
			continue
		}
		seen[part.Digest] = true
		info, err := s.content.Info(ctx, part.Digest)
		if err != nil {
			m.Available = false
			continue
		}
		m.Content += info.Size
	}
	for i := range t.Manifests {
		if t.Manifests[i].Desc.Digest == desc.Digest {
			if desc.Platform == nil { // what an index says goes before what the configuration does
				m.Platform = t.Manifests[i].Config.Platform
			}
			for _, size := range s.unpacked(ctx, t.Manifests[i].Config.RootFS.DiffIDs) {
				m.Unpacked += size
			}
		}
	}
	return m
}

// unpacked are the sizes of an image's layers' directories, in bytes by the names of their chains; of those that
// are not there, nothing.
func (s *stores) unpacked(ctx context.Context, diffIDs []digest.Digest) map[digest.Digest]int64 {
	sizes := map[digest.Digest]int64{}
	for _, chain := range tree.ChainIDs(diffIDs) {
		if usage, err := s.sn.Usage(ctx, chain); err == nil {
			sizes[digest.Digest(chain)] = usage.Size
		}
	}
	return sizes
}

// Variant is an image as another platform than the host's would run it.
func (d Details) Variant(ctx context.Context, ref string, p ocispec.Platform) (Image, error) {
	img, err := d.Get(ctx, ref)
	if err != nil {
		return Image{}, err
	}
	ctx = scoped(ctx)
	t, err := tree.Read(ctx, d.content, img.Target)
	if err != nil {
		return Image{}, cause.Classify(err)
	}
	m, err := t.Provide(ref, p)
	if err != nil {
		return Image{}, err
	}
	img.run(m)
	size := d.manifest(ctx, t, m.Desc)
	img.ContentSize, img.Size = size.Content, size.Content+size.Unpacked
	return img, nil
}

// variant is an image as one of its manifests runs it.
func (d Details) variant(ctx context.Context, img Image, manifest digest.Digest) (Image, error) {
	t, err := tree.Read(scoped(ctx), d.content, img.Target)
	if err != nil {
		return Image{}, cause.Classify(err)
	}
	for _, m := range t.Manifests {
		if m.Desc.Digest == manifest {
			img.run(m)
			return img, nil
		}
	}
	return Image{}, fault.New(fault.NotFound, "No such image: %s", manifest)
}

// run makes m what containers of the image run.
func (img *Image) run(m tree.Manifest) {
	img.Manifest, img.Config, img.Platform = m.Desc, m.Config, m.Config.Platform
	img.DiffIDs = m.Config.RootFS.DiffIDs
	img.Created = time.Time{}
	if m.Config.Created != nil {
		img.Created = *m.Config.Created
	}
}

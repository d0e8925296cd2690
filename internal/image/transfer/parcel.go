package transfer

import (
	"context"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Parcel is what is pushed under one tag.
type Parcel struct {
	Documents []ocispec.Descriptor // manifests and indexes, what refers to others after them; the last one gets the tag
	Blobs     []ocispec.Descriptor // configs and layers
	Note      any                  // what programs should know of it
}

// Pack collects what hangs on a document. It fails with containerd's not found when something is not there.
func Pack(ctx context.Context, store content.Store, children map[digest.Digest][]ocispec.Descriptor, d ocispec.Descriptor) (Parcel, error) {
	var out Parcel
	seen := map[digest.Digest]bool{}
	var add func(d ocispec.Descriptor) error
	add = func(d ocispec.Descriptor) error {
		if seen[d.Digest] {
			return nil
		}
		seen[d.Digest] = true
		info, err := store.Info(ctx, d.Digest)
		if err != nil {
			return err
		}
		d.Size = info.Size
		for _, child := range children[d.Digest] {
			if err := add(child); err != nil {
				return err
			}
		}
		if images.IsIndexType(d.MediaType) || images.IsManifestType(d.MediaType) {
			out.Documents = append(out.Documents, d)
		} else {
			out.Blobs = append(out.Blobs, d)
		}
		return nil
	}
	return out, add(d)
}

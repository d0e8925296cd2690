package manifest

import (
	"context"
	"encoding/json"

	"berth/internal/cli/distribution"
	"berth/internal/cli/imageref"
	"berth/internal/fault"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// fetch reads the manifest of one image, and its platform out of its configuration.
func fetch(ctx context.Context, from *distribution.Client, ref imageref.Ref) (image, error) {
	d, err := from.Manifest(ctx, ref)
	if err != nil {
		return image{}, err
	}
	return complete(ctx, from, ref, d)
}

// complete makes an image of a manifest.
func complete(ctx context.Context, from *distribution.Client, ref imageref.Ref, d distribution.Document) (image, error) {
	img := image{Ref: ref.String(), Raw: d.Raw}
	img.Descriptor = ocispec.Descriptor{MediaType: d.MediaType, Digest: d.Digest, Size: int64(len(d.Raw))}
	switch d.MediaType {
	case distribution.DockerManifest:
		img.SchemaV2Manifest = d.Raw
	case ocispec.MediaTypeImageManifest:
		img.OCIManifest = d.Raw
	case distribution.DockerList, ocispec.MediaTypeImageIndex:
		return image{}, fault.New(fault.Invalid, "%s is a manifest list", ref)
	default:
		return image{}, fault.New(fault.Invalid, "%s is not a manifest", ref)
	}
	parts, err := partsOf(img)
	if err != nil {
		return image{}, err
	}
	config, err := from.Blob(ctx, ref, parts.Config.Digest)
	if err != nil {
		return image{}, err
	}
	img.Descriptor.Platform = &ocispec.Platform{}
	if err := json.Unmarshal(config, img.Descriptor.Platform); err != nil {
		return image{}, fault.Wrap(fault.Invalid, err, "the configuration of %s cannot be read", ref)
	}
	return img, nil
}

// fetchList reads a list with the manifests of all of its images.
func fetchList(ctx context.Context, from *distribution.Client, ref imageref.Ref) ([]image, error) {
	d, err := from.Manifest(ctx, ref)
	if err != nil {
		return nil, err
	}
	var index ocispec.Index
	if err := json.Unmarshal(d.Raw, &index); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "%s is not a manifest list", ref)
	}
	images := make([]image, 0, len(index.Manifests))
	for _, m := range index.Manifests {
		if err := m.Digest.Validate(); err != nil {
			return nil, fault.Wrap(fault.Invalid, err, "%s has a manifest without a digest", ref)
		}
		one := ref
		one.Tag, one.Digest = "", m.Digest.String()
		found, err := from.Manifest(ctx, one)
		if err != nil {
			return nil, err
		}
		one.Tag = ref.Tag
		img, err := complete(ctx, from, one, found)
		if err != nil {
			return nil, err
		}
		img.Descriptor.Platform = m.Platform
		images = append(images, img)
	}
	return images, nil
}

// partsOf reads what an image is made of.
func partsOf(img image) (ocispec.Manifest, error) {
	var m ocispec.Manifest
	if err := json.Unmarshal(img.payload(), &m); err != nil {
		return m, fault.Wrap(fault.Invalid, err, "the manifest of %s cannot be read", img.Ref)
	}
	for _, d := range append([]ocispec.Descriptor{m.Config}, m.Layers...) {
		if err := d.Digest.Validate(); err != nil {
			return m, fault.Wrap(fault.Invalid, err, "the manifest of %s has a blob without a digest", img.Ref)
		}
	}
	return m, nil
}

// payload is the manifest itself. Older clients have kept no bytes of it.
func (i image) payload() []byte {
	switch {
	case len(i.Raw) > 0:
		return i.Raw
	case len(i.SchemaV2Manifest) > 0:
		return i.SchemaV2Manifest
	}
	return i.OCIManifest
}

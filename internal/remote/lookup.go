package remote

import (
	"context"
	"encoding/json"

	"berth/internal/fault"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/distribution/reference"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Lookup asks a registry what a name stands for there, and for which platforms. Nothing is kept.
func (c *Client) Lookup(ctx context.Context, name string, who Credentials) (ocispec.Descriptor, []ocispec.Platform, error) {
	ref, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return ocispec.Descriptor{}, nil, fault.As(fault.Invalid, err)
	}
	ref = reference.TagNameOnly(ref)
	from, err := c.Repository(ref, Pull, who)
	if err != nil {
		return ocispec.Descriptor{}, nil, err
	}
	defer from.Close()
	target, err := from.Resolve(ctx, Key(ref))
	if err != nil {
		return target, nil, LookupError(err)
	}
	list, err := platformsOf(ctx, from, target)
	return target, list, LookupError(err)
}

// Key is the tag or digest of a reference by which its registry is asked, "" when it has none.
func Key(ref reference.Named) string {
	if d, ok := ref.(reference.Digested); ok {
		return d.Digest().String()
	}
	if tagged, ok := ref.(reference.Tagged); ok {
		return tagged.Tag()
	}
	return ""
}

func platformsOf(ctx context.Context, from *Repository, target ocispec.Descriptor) ([]ocispec.Platform, error) {
	body, err := from.Document(ctx, target)
	if err != nil {
		return nil, err
	}
	var both struct { // an index has the one, a manifest the other
		Manifests []ocispec.Descriptor
		Config    ocispec.Descriptor
	}
	if err := json.Unmarshal(body, &both); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "the registry's manifest is not valid")
	}
	list := []ocispec.Platform{}
	if images.IsIndexType(target.MediaType) {
		for _, m := range both.Manifests {
			if m.Platform != nil {
				list = append(list, *m.Platform)
			}
		}
		return list, nil
	}
	if both.Config.Digest.Validate() != nil {
		return nil, fault.New(fault.Internal, "the registry's manifest is not valid: it has no config")
	}
	if body, err = from.Document(ctx, both.Config); err != nil {
		return nil, err
	}
	var config struct{ ocispec.Platform }
	if err := json.Unmarshal(body, &config); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "the registry's config is not valid")
	}
	return append(list, config.Platform), nil
}

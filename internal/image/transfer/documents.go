package transfer

import (
	"bytes"
	"context"
	"encoding/json"

	"berth/internal/fault"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

const (
	// documentLimit is the most that a manifest, index or config may take, in bytes.
	documentLimit = 8 << 20
	// depthLimit is how deep indexes may nest.
	depthLimit = 4
)

// Library is where documents come from, checked.
type Library interface {
	Document(ctx context.Context, d ocispec.Descriptor) ([]byte, error)
}

// Documents fetches what describes an image.
type Documents struct {
	Store    content.Store
	From     Library
	Platform ocispec.Platform // whose image is wanted
	Host     bool             // it is this host's, and nobody asked for it
	Name     string           // as people know the image
}

// Chosen is what a platform runs of an image.
type Chosen struct {
	Desc     ocispec.Descriptor
	Manifest ocispec.Manifest
	Config   dockerspec.DockerOCIImage
}

// document fetches a manifest, an index or a config, unless it is there.
func (p Documents) read(ctx context.Context, d ocispec.Descriptor, v any) error {
	lease, _ := leases.FromContext(ctx)
	there, err := Leased(ctx, p.Store, d)
	if err != nil {
		return err
	}
	if !there {
		body, err := p.From.Document(ctx, d)
		if err != nil {
			return err
		}
		err = content.WriteBlob(ctx, p.Store, "write-"+lease+"-"+d.Digest.String(), bytes.NewReader(body), d)
		if err != nil && !errdefs.IsAlreadyExists(err) {
			return err
		}
	}
	info, err := p.Store.Info(ctx, d.Digest)
	if err != nil {
		return err
	}
	if info.Size > documentLimit {
		return fault.New(fault.Invalid, "%s: a document of %d bytes is too large", d.Digest, info.Size)
	}
	body, err := content.ReadBlob(ctx, p.Store, ocispec.Descriptor{Digest: d.Digest, Size: info.Size})
	if err != nil {
		return err
	}
	return fault.Wrap(fault.Invalid, json.Unmarshal(body, v), "the registry's manifest is not valid")
}

// Choose fetches the documents down to the config of what the platform runs. ctx carries the lease that holds them.
func (p Documents) Choose(ctx context.Context, target ocispec.Descriptor) (Chosen, error) {
	return p.choose(ctx, target, 0)
}

func (p Documents) choose(ctx context.Context, d ocispec.Descriptor, depth int) (Chosen, error) {
	if depth > depthLimit {
		return Chosen{}, fault.New(fault.Invalid, "indexes nest deeper than %d", depthLimit)
	}
	if images.IsIndexType(d.MediaType) {
		var idx ocispec.Index
		if err := p.read(ctx, d, &idx); err != nil {
			return Chosen{}, err
		}
		best, err := Best(idx.Manifests, p.Platform, p.Host)
		if err != nil {
			return Chosen{}, err
		}
		return p.choose(ctx, best, depth+1)
	}
	if !images.IsManifestType(d.MediaType) {
		return Chosen{}, fault.New(fault.Invalid, "unsupported media type %s of a manifest", fault.Quoted(d.MediaType))
	}
	m := Chosen{Desc: d}
	if err := p.read(ctx, d, &m.Manifest); err != nil {
		return m, err
	}
	if err := CheckParts(m.Manifest); err != nil {
		return m, err
	}
	if err := p.read(ctx, m.Manifest.Config, &m.Config); err != nil {
		return m, err
	}
	if n := len(m.Config.RootFS.DiffIDs); n != len(m.Manifest.Layers) {
		return m, fault.New(fault.Invalid, "invalid image: %d layers and %d diff IDs", len(m.Manifest.Layers), n)
	}
	if !p.Host && !platforms.OnlyStrict(p.Platform).Match(m.Config.Platform) && depth == 0 {
		return m, fault.New(fault.NotFound, "image with reference %s was found but does not provide the specified platform (%s)", p.Name, platforms.FormatAll(p.Platform))
	}
	return m, nil
}

package image

import (
	"context"
	"encoding/json"
	"slices"

	"berth/internal/fault"
	"berth/internal/image/cause"
	"berth/internal/image/tree"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// The annotation by which BuildKit tells what it attests (buildkit docs/attestations/attestation-storage.md).
const predicateType = "in-toto.io/predicate-type"

// AttestationOptions choose statements.
type AttestationOptions struct {
	Platform *ocispec.Platform // nil is the host's
	Types    []string          // of predicates; none means all
	Bodies   bool              // the statements themselves too
}

// Statement is an in-toto statement about an image.
type Statement struct {
	Descriptor ocispec.Descriptor
	Type       string
	Body       json.RawMessage // nil when it was not asked for
}

// Attestations lists what is attested of an image for one platform; nothing when it has no index,
// in which attestations stand.
func (d Details) Attestations(ctx context.Context, ref string, opts AttestationOptions) ([]Statement, error) {
	img, err := d.Get(ctx, ref)
	if err != nil {
		return nil, err
	}
	ctx = scoped(ctx)
	t, err := tree.Read(ctx, d.content, img.Target)
	if err != nil {
		return nil, cause.Classify(err)
	}
	p := platforms.DefaultSpec()
	if opts.Platform != nil {
		p = *opts.Platform
	}
	m, err := t.Provide(ref, p)
	if err != nil {
		return nil, err
	}
	var found []Statement
	for _, layer := range t.Attesting(m.Desc) {
		kind := layer.Annotations[predicateType]
		if kind == "" || len(opts.Types) > 0 && !slices.Contains(opts.Types, kind) {
			continue
		}
		st := Statement{Descriptor: layer, Type: kind}
		if opts.Bodies {
			if st.Body, err = statement(ctx, d.content, layer); err != nil {
				return nil, err
			}
		}
		found = append(found, st)
	}
	return found, nil
}

func statement(ctx context.Context, store content.Store, d ocispec.Descriptor) (json.RawMessage, error) {
	info, err := store.Info(ctx, d.Digest)
	if errdefs.IsNotFound(err) {
		return nil, fault.New(fault.NotFound, "attestation statement %s is not available locally", d.Digest)
	}
	if err != nil {
		return nil, cause.Classify(err)
	}
	if info.Size > tree.DocumentLimit {
		return nil, fault.New(fault.Invalid, "attestation statement %s is too large: %d bytes", d.Digest, info.Size)
	}
	d.Size = info.Size
	p, err := content.ReadBlob(ctx, store, d)
	if err != nil {
		return nil, cause.Classify(err)
	}
	if !json.Valid(p) {
		return nil, fault.New(fault.Invalid, "attestation statement %s is no JSON", d.Digest)
	}
	return p, nil
}

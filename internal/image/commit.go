package image

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"time"

	"berth/internal/fault"
	"berth/internal/image/cause"
	"berth/internal/image/instruction"
	"berth/internal/image/spelling"
	"berth/internal/image/tree"
	"berth/internal/image/unpack"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/core/metadata/boltutil"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	bolt "go.etcd.io/bbolt"
)

// emptyTar is the digest of a tar without entries: such a layer is left out, and
// the history says so, as Docker does it.
const emptyTar = digest.Digest("sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef")

// Commit makes an image of another one and a further layer, which pack writes as a tar.
// When it returns the image is on stable storage; if it fails, nothing stays.
func (s *Service) Commit(ctx context.Context, opts CommitOptions, pack func(io.Writer) error) (Image, error) {
	name, err := spelling.Imported(opts.Repo, opts.Tag)
	if err != nil {
		return Image{}, err
	}
	cfg, err := instruction.Commit(opts.Asked, opts.Own, opts.Changes)
	if err != nil {
		return Image{}, err
	}
	cat, err := s.current(ctx)
	if err != nil {
		return Image{}, err
	}
	parent, ok := cat.byID[opts.Parent]
	if !ok {
		return Image{}, fault.New(fault.NotFound, "No such image: %s", opts.Parent)
	}
	if opts.Manifest != "" && opts.Manifest != parent.Manifest.Digest {
		if parent, err = (Details{s}).variant(ctx, parent, opts.Manifest); err != nil {
			return Image{}, err
		}
	}
	c, err := s.begin(ctx)
	if err != nil {
		return Image{}, err
	}
	rec, err := c.commit(parent, name, cfg, opts, pack)
	if err == nil {
		err = s.record(c.ctx, []record{rec})
	}
	if err = c.finish(err); err != nil {
		return Image{}, err
	}
	return s.find(ctx, rec.target.Digest.String())
}

func (c *change) commit(parent Image, name string, own instruction.Config, opts CommitOptions, pack func(io.Writer) error) (record, error) {
	var manifest ocispec.Manifest
	if err := tree.ReadDocument(c.ctx, c.s.content, parent.Manifest, &manifest); err != nil {
		return record{}, err
	}
	if err := c.keep(manifest.Layers); err != nil {
		return record{}, err
	}
	docker := manifest.MediaType == images.MediaTypeDockerSchema2Manifest
	layer, err := c.packLayer(parent, docker, pack)
	if err != nil {
		return record{}, err
	}
	cfg := child(parent.Config, own, opts, time.Now().UTC(), layer.Digest)
	if layer.Digest != emptyTar {
		manifest.Layers = append(manifest.Layers, layer)
	}
	if manifest.Config, err = c.writeJSON(manifest.Config.MediaType, cfg); err != nil {
		return record{}, err
	}
	manifest.Annotations, manifest.Subject = nil, nil
	kind := ocispec.MediaTypeImageManifest
	if docker {
		kind = images.MediaTypeDockerSchema2Manifest
	}
	target, err := c.writeJSON(kind, manifest)
	if err != nil {
		return record{}, err
	}
	rec, err := c.take(name, target)
	rec.parent = parent.ID
	return rec, err
}

// child is the configuration of the new image; its uncompressed layer's digest is the layer's.
func child(parent Config, own instruction.Config, opts CommitOptions, now time.Time, layer digest.Digest) Config {
	cfg := parent
	cfg.Config, cfg.Created = own, &now
	if opts.Author != "" {
		cfg.Author = opts.Author
	}
	empty := layer == emptyTar
	cfg.RootFS.DiffIDs = append([]digest.Digest(nil), parent.RootFS.DiffIDs...)
	if !empty {
		cfg.RootFS.DiffIDs = append(cfg.RootFS.DiffIDs, layer)
	}
	cfg.History = append(append([]ocispec.History(nil), parent.History...), ocispec.History{
		Created: &now, CreatedBy: opts.CreatedBy, Author: cfg.Author, Comment: opts.Comment, EmptyLayer: empty,
	})
	return cfg
}

// keep leases the parent's layers: its image may be removed before the new one refers to them.
func (c *change) keep(layers []ocispec.Descriptor) error {
	return c.s.db.Update(func(tx *bolt.Tx) error {
		ctx := boltutil.WithTransaction(c.ctx, tx)
		for _, l := range layers {
			if err := c.s.leases.AddResource(ctx, c.lease, leases.Resource{ID: l.Digest.String(), Type: "content"}); err != nil {
				return err
			}
		}
		return nil
	})
}

// packLayer stores a layer as it is packed, and unpacks it in the same go: what it begins with is a file's name, which
// says nothing about how it is compressed. Its one pass over the files is all that a commit reads of them.
func (c *change) packLayer(parent Image, docker bool, pack func(io.Writer) error) (ocispec.Descriptor, error) {
	lower, err := c.s.Layers(c.ctx, parent.Manifest.Digest)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	w, err := c.s.content.Writer(c.ctx, content.WithRef("commit-"+c.lease.ID))
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	defer w.Close()
	in, err := unpack.Begin(c.ctx, c.s.sn, lower)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	desc, err := fillPacked(c.ctx, w, in, pack)
	switch {
	case err != nil:
		w.Truncate(0)
		in.Abort(c.ctx)
	case desc.Digest == emptyTar:
		in.Abort(c.ctx)
	default:
		err = c.endLayer(in, parent, desc.Digest)
	}
	var bad *unpack.Error
	if errors.As(err, &bad) {
		err = cause.Blame(bad.Err, "failed to extract layer")
	}
	desc.MediaType = ocispec.MediaTypeImageLayer
	if docker {
		desc.MediaType = images.MediaTypeDockerSchema2Layer
	}
	return desc, err
}

// endLayer puts an unpacked layer on top of its parent's. If somebody has made the same one and its image is removed
// meanwhile, it is made again of its tar when the new image is taken in.
func (c *change) endLayer(in *unpack.Incoming, parent Image, diffID digest.Digest) error {
	below, name := "", ""
	for _, chain := range tree.ChainIDs(append(slices.Clone(parent.DiffIDs), diffID)) {
		below, name = name, chain
	}
	if err := in.End(c.ctx, name, below); err != nil {
		return err
	}
	return unpack.Sync(filepath.Join(c.s.root, "snapshots"))
}

func fillPacked(ctx context.Context, w content.Writer, in *unpack.Incoming, pack func(io.Writer) error) (ocispec.Descriptor, error) {
	if err := pack(io.MultiWriter(in, w)); err != nil {
		return ocispec.Descriptor{}, err
	}
	st, err := w.Status()
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	desc := ocispec.Descriptor{Digest: w.Digest(), Size: st.Offset}
	if err := w.Commit(ctx, desc.Size, desc.Digest); err != nil && !errdefs.IsAlreadyExists(err) {
		return ocispec.Descriptor{}, err
	}
	return desc, nil
}

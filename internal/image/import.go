package image

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"time"

	"berth/internal/archive/compression"
	"berth/internal/fault"
	"berth/internal/image/cause"
	"berth/internal/image/instruction"
	"berth/internal/image/spelling"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Import makes an image of one layer out of the tar of a file system, which may
// be compressed by gzip, zstd or bzip2. When it returns the image is on stable
// storage. If it fails, nothing stays.
func (s *Service) Import(ctx context.Context, r io.Reader, opts ImportOptions) (Image, error) {
	name, err := spelling.Imported(opts.Repo, opts.Tag)
	if err != nil {
		return Image{}, err
	}
	cfg := Config{Image: ocispec.Image{Platform: platforms.DefaultSpec()}}
	if opts.Platform != "" {
		if cfg.Platform, err = platforms.Parse(opts.Platform); err != nil {
			return Image{}, fault.As(fault.Invalid, err)
		}
	}
	if err := instruction.Apply(&cfg.Config, opts.Changes); err != nil {
		return Image{}, err
	}
	now := time.Now().UTC()
	cfg.Created = &now
	cfg.History = []ocispec.History{{Created: &now, Comment: opts.Message}}
	return s.importLayer(ctx, r, name, cfg)
}

// importLayer stores r as the only layer of an image with the given config.
func (s *Service) importLayer(ctx context.Context, r io.Reader, name string, cfg Config) (Image, error) {
	c, err := s.begin(ctx)
	if err != nil {
		return Image{}, err
	}
	rec, err := c.importLayer(r, name, cfg)
	if err == nil {
		err = s.record(c.ctx, []record{rec})
	}
	if err = c.finish(err); err != nil {
		return Image{}, err
	}
	return s.find(ctx, rec.target.Digest.String())
}

func (c *change) importLayer(r io.Reader, name string, cfg Config) (record, error) {
	layer, diffID, err := c.writeLayer(r)
	if err != nil {
		return record{}, cause.Blame(err, "invalid archive")
	}
	cfg.RootFS = ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{diffID}}
	config, err := c.writeJSON(ocispec.MediaTypeImageConfig, cfg)
	if err != nil {
		return record{}, err
	}
	manifest, err := c.writeJSON(ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: config, Layers: []ocispec.Descriptor{layer},
	})
	if err != nil {
		return record{}, err
	}
	return c.take(name, manifest)
}

// writeLayer stores a layer. gzip and zstd are kept as they came and
// decompressed beside it for the diff ID; others are stored plain: packing them
// would cost more time than the disk that it saves is worth.
func (c *change) writeLayer(r io.Reader) (ocispec.Descriptor, digest.Digest, error) {
	w, err := c.s.content.Writer(c.ctx, content.WithRef("import-"+c.lease.ID))
	if err != nil {
		return ocispec.Descriptor{}, "", err
	}
	defer w.Close()
	desc, diffID, err := c.fillLayer(w, r)
	if err != nil {
		w.Truncate(0)
	}
	return desc, diffID, err
}

func (c *change) fillLayer(w content.Writer, r io.Reader) (ocispec.Descriptor, digest.Digest, error) {
	ahead := compression.NewReadAhead(r)
	defer ahead.Close()
	raw := bufio.NewReaderSize(ahead, 256<<10)
	head, err := raw.Peek(6)
	if err != nil && err != io.EOF {
		return ocispec.Descriptor{}, "", err
	}
	digester := digest.Canonical.Digester()
	var src io.Reader = raw
	var sink io.Writer = io.MultiWriter(digester.Hash(), w)
	mediaType := ocispec.MediaTypeImageLayer
	switch compression.Detect(head) {
	case compression.Gzip:
		mediaType = ocispec.MediaTypeImageLayerGzip
		src, sink = io.TeeReader(raw, w), digester.Hash()
	case compression.Zstandard:
		mediaType = ocispec.MediaTypeImageLayerZstd
		src, sink = io.TeeReader(raw, w), digester.Hash()
	}
	if err := c.copyLayer(sink, src); err != nil {
		return ocispec.Descriptor{}, "", err
	}
	st, err := w.Status()
	if err != nil {
		return ocispec.Descriptor{}, "", err
	}
	desc := ocispec.Descriptor{MediaType: mediaType, Digest: w.Digest(), Size: st.Offset}
	if err := w.Commit(c.ctx, desc.Size, desc.Digest); err != nil && !errdefs.IsAlreadyExists(err) {
		return ocispec.Descriptor{}, "", err
	}
	return desc, digester.Digest(), nil
}

// copyLayer copies the decompressed src to sink.
func (c *change) copyLayer(sink io.Writer, src io.Reader) error {
	z, _, err := compression.Decompress(src)
	if err != nil {
		return err
	}
	defer z.Close()
	if _, err := io.CopyBuffer(struct{ io.Writer }{sink}, struct{ io.Reader }{z}, make([]byte, 256<<10)); err != nil {
		return fmt.Errorf("read the layer: %w", err)
	}
	return c.ctx.Err()
}

package image

import (
	"bytes"
	"context"
	"encoding/json"
	"io"

	"berth/internal/archive/compression"
	"berth/internal/fault"
	"berth/internal/image/cause"
	"berth/internal/image/tarball"
	"berth/internal/image/tree"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Load takes in the images of an archive, unpacks them, and returns a line for
// each as Docker prints it ("Loaded image: busybox:latest"). r is what docker
// save wrote, or an OCI layout, as a tar that may be compressed by gzip, zstd or
// bzip2. A name that another image has moves to the new one.
//
// When it returns the images are on stable storage. If it fails, nothing of the
// archive stays.
func (s *Service) Load(ctx context.Context, r io.Reader, opts LoadOptions) ([]string, error) {
	if opts.Progress == nil {
		opts.Progress = func(string) {}
	}
	c, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	records, err := c.load(r, opts)
	if err = c.finish(err); err != nil {
		return nil, err
	}
	var lines []string
	var partial []digest.Digest
	for _, rec := range records {
		lines = append(lines, loadedLine(rec.name, rec.target.Digest))
		partial = append(partial, rec.target.Digest)
	}
	if len(opts.Platforms) > 0 {
		return lines, s.reread(ctx, partial...)
	}
	return lines, nil
}

func (c *change) load(r io.Reader, opts LoadOptions) ([]record, error) {
	src, _, err := compression.Decompress(r)
	if err != nil {
		return nil, cause.Blame(err, "invalid image archive")
	}
	defer src.Close()
	a, err := tarball.Read(c.ctx, c.s.content, src)
	if err != nil {
		return nil, err
	}
	found, err := a.Images()
	if err != nil {
		return nil, err
	}
	var records []record
	for _, n := range found {
		if n.Legacy != nil {
			if n.Target, err = c.writeLegacy(a, n.Legacy); err != nil {
				return nil, cause.Blame(err, "invalid image archive")
			}
		}
		rec, err := c.takeFor(n.Name, n.Target, opts.Platforms)
		if err != nil {
			return nil, err
		}
		opts.Progress("Unpacked " + rec.target.Digest.String())
		records = append(records, rec)
	}
	return records, c.s.record(c.ctx, records)
}

func loadedLine(name string, id digest.Digest) string {
	if ref, err := reference.ParseNormalizedNamed(name); err == nil {
		return "Loaded image: " + reference.FamiliarString(ref)
	}
	return "Loaded image ID: " + id.String()
}

// take makes sure that everything of target which this host needs is there, and
// unpacks it.
func (c *change) take(name string, target ocispec.Descriptor) (record, error) {
	return c.takeFor(name, target, nil)
}

// takeFor does so for platforms that were asked for: of the other ones nothing is kept.
func (c *change) takeFor(name string, target ocispec.Descriptor, wanted []ocispec.Platform) (record, error) {
	t, err := tree.Read(c.ctx, c.s.content, target)
	if err != nil {
		return record{}, cause.Blame(err, "invalid image archive")
	}
	run, err := t.Running(name, wanted)
	if err != nil {
		return record{}, err
	}
	rec := record{name: name, tree: t, snapshots: map[digest.Digest]string{}}
	rec.target = ocispec.Descriptor{MediaType: target.MediaType, Digest: target.Digest, Size: t.Size}
	for _, m := range run {
		if rec.snapshots[m.Manifest.Config.Digest], err = c.unpack(m.Manifest, m.Config.RootFS.DiffIDs); err != nil {
			return record{}, err
		}
	}
	return rec, nil
}

// writeLegacy stores the manifest of an image in docker save's own form.
func (c *change) writeLegacy(a *tarball.Archive, l *tarball.Legacy) (ocispec.Descriptor, error) {
	p, err := a.Manifest(l, c.fit)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	return c.write(images.MediaTypeDockerSchema2Manifest, p)
}

// fit gives a layer of docker save's own form its media type. One that is packed as no image's layer may be, by xz or
// bzip2, is stored unpacked instead.
func (c *change) fit(layer ocispec.Descriptor) (ocispec.Descriptor, error) {
	r, err := c.packed(layer)(c.ctx)
	if err != nil {
		return layer, err
	}
	defer r.Close()
	head := make([]byte, 8)
	n, err := io.ReadFull(r, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return layer, err
	}
	if layer.MediaType = tarball.LayerType(compression.Detect(head[:n])); layer.MediaType != "" {
		return layer, nil
	}
	layer, _, err = c.writeLayer(io.MultiReader(bytes.NewReader(head[:n]), r))
	layer.MediaType = images.MediaTypeDockerSchema2Layer
	return layer, err
}

// writeJSON stores v as a document of the content store.
func (c *change) writeJSON(mediaType string, v any) (ocispec.Descriptor, error) {
	p, err := json.Marshal(v)
	if err != nil {
		return ocispec.Descriptor{}, fault.As(fault.Internal, err)
	}
	return c.write(mediaType, p)
}

func (c *change) write(mediaType string, p []byte) (ocispec.Descriptor, error) {
	desc := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(p), Size: int64(len(p))}
	err := content.WriteBlob(c.ctx, c.s.content, "write-"+c.lease.ID+"-"+desc.Digest.String(), bytes.NewReader(p), desc)
	if errdefs.IsAlreadyExists(err) {
		err = nil
	}
	return desc, err
}

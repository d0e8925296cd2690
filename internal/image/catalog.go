package image

import (
	"cmp"
	"context"
	"slices"

	"berth/internal/fault"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
)

// catalog is all images at one moment, in memory: reads neither wait for a
// change nor touch the disk. Nobody changes a catalog; a change makes a new one.
type catalog struct {
	byName map[string]digest.Digest
	byID   map[digest.Digest]Image
	ids    []digest.Digest // newest image first
}

// List returns all images, the newest first.
func (s *Service) List(ctx context.Context) ([]Image, error) {
	cat, err := s.current(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]Image, len(cat.ids))
	for i, id := range cat.ids {
		list[i] = cat.byID[id]
	}
	return list, nil
}

// current returns the catalog; the first caller reads it from the disk, so that
// Open need not.
func (s *Service) current(ctx context.Context) (*catalog, error) {
	if cat := s.catalog.Load(); cat != nil {
		return cat, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if cat := s.catalog.Load(); cat != nil {
		return cat, nil
	}
	if err := s.refresh(scoped(ctx)); err != nil {
		return nil, classify(err)
	}
	return s.catalog.Load(), nil
}

// refresh makes a new catalog out of the records; s.mu is held. What the last
// catalog knows about an image is kept: an image's content never changes.
func (s *Service) refresh(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	records, err := s.images.List(ctx)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "list the images")
	}
	old := s.catalog.Load()
	cat := &catalog{byName: map[string]digest.Digest{}, byID: map[digest.Digest]Image{}}
	for _, r := range records {
		id := r.Target.Digest
		img, ok := cat.byID[id]
		if !ok {
			img = s.describe(ctx, r, old)
			cat.ids = append(cat.ids, id)
		}
		if !isDangling(r.Name) {
			cat.byName[r.Name] = id
			img.addName(r.Name)
			if r.UpdatedAt.After(img.Tagged) {
				img.Tagged = r.UpdatedAt
			}
		}
		cat.byID[id] = img
	}
	slices.SortFunc(cat.ids, func(a, b digest.Digest) int {
		x, y := cat.byID[a], cat.byID[b]
		return cmp.Or(y.Created.Compare(x.Created), cmp.Compare(a, b))
	})
	s.layers.Range(func(id, _ any) bool {
		if _, ok := cat.byID[id.(digest.Digest)]; !ok {
			s.layers.Delete(id)
		}
		return true
	})
	s.catalog.Store(cat)
	return nil
}

func (img *Image) addName(name string) {
	img.Names = append(img.Names, name)
	slices.Sort(img.Names)
	ref, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return
	}
	d := reference.TrimNamed(ref).String() + "@" + img.ID.String()
	if !slices.Contains(img.Digests, d) {
		img.Digests = append(img.Digests, d)
		slices.Sort(img.Digests)
	}
}

// describe reads what an image is, without its names. An image whose documents
// cannot be read any more is listed with what is known, so that it can be
// removed.
func (s *stores) describe(ctx context.Context, r images.Image, old *catalog) Image {
	if old != nil {
		if img, ok := old.byID[r.Target.Digest]; ok {
			img.Names, img.Digests = nil, nil
			return img
		}
	}
	img := Image{ID: r.Target.Digest, Target: r.Target, Manifest: r.Target, Tagged: r.UpdatedAt}
	if info, err := s.content.Info(ctx, r.Target.Digest); err == nil {
		img.Parent = digest.Digest(info.Labels[parentLabel])
	}
	t, err := readTree(ctx, s.content, r.Target)
	if err != nil {
		return img
	}
	img.Parts = t.contents(ctx, s.content)
	for _, size := range img.Parts {
		img.ContentSize += size
	}
	img.Size = img.ContentSize
	m, err := t.choose()
	if err != nil {
		return img
	}
	img.Manifest, img.Config, img.Platform = m.desc, m.config, m.config.Platform
	img.DiffIDs = m.config.RootFS.DiffIDs
	if m.config.Created != nil {
		img.Created = *m.config.Created
	}
	for _, chain := range chainIDs(img.DiffIDs) {
		if usage, err := s.sn.Usage(ctx, chain); err == nil {
			img.Size += usage.Size
			img.Parts["chain:"+digest.Digest(chain)] = usage.Size // not to be taken for a blob of that digest
		}
	}
	return img
}

package image

import (
	"cmp"
	"context"
	"slices"

	"berth/internal/fault"
	"berth/internal/image/cause"
	"berth/internal/image/tree"

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
		return nil, cause.Classify(err)
	}
	return s.catalog.Load(), nil
}

// refresh makes a new catalog out of the records; s.mu is held. What the last
// catalog knows about an image is kept, unless it is one of fuller: what is there does not change, and
// only an index can get more.
func (s *Service) refresh(ctx context.Context, fuller ...digest.Digest) error {
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
			if slices.Contains(fuller, id) {
				s.layers.Delete(id)
				img = s.describe(ctx, r, nil)
			} else {
				img = s.describe(ctx, r, old)
			}
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
	for id := range known(old) {
		if _, ok := cat.byID[id]; !ok {
			s.uses.forget(id)
		}
	}
	s.layers.Range(func(id, _ any) bool {
		if _, _, ok := cat.layered(id.(digest.Digest)); !ok {
			s.layers.Delete(id)
		}
		return true
	})
	s.catalog.Store(cat)
	return nil
}

// layered finds what has layers, an image or one of its manifests: the image, and the layers' DiffIDs.
func (cat *catalog) layered(id digest.Digest) (owner digest.Digest, diffIDs []digest.Digest, ok bool) {
	if img, ok := cat.byID[id]; ok {
		return id, img.DiffIDs, true
	}
	for owner, img := range cat.byID {
		if diffIDs, ok := img.Variants[id]; ok {
			return owner, diffIDs, true
		}
	}
	return "", nil, false
}

func known(cat *catalog) map[digest.Digest]Image {
	if cat == nil {
		return nil
	}
	return cat.byID
}

// reread tells readers of indexes that have got less: call it when what nobody refers to is collected.
func (s *Service) reread(ctx context.Context, ids ...digest.Digest) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return cause.Classify(s.refresh(scoped(ctx), ids...))
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
	img := Image{ID: r.Target.Digest, Target: r.Target, Manifest: r.Target, Tagged: r.UpdatedAt}
	if old != nil {
		if known, ok := old.byID[r.Target.Digest]; ok {
			img = known
			img.Names, img.Digests = nil, nil
		}
	}
	if info, err := s.content.Info(ctx, r.Target.Digest); err == nil {
		img.Parent = digest.Digest(info.Labels[parentLabel])
		img.Protected = info.Labels[protectedLabel] != ""
	}
	if img.Parts != nil {
		return img // what it is made of does not change
	}
	t, err := tree.Read(ctx, s.content, r.Target)
	if err != nil {
		return img
	}
	img.Parts = t.Contents(ctx, s.content)
	for _, size := range img.Parts {
		img.ContentSize += size
	}
	img.Size = img.ContentSize
	m, err := t.Choose()
	if err != nil {
		return img
	}
	img.run(m)
	img.Variants = map[digest.Digest][]digest.Digest{}
	for _, m := range t.Manifests { // others may have been unpacked for a platform that was asked for
		img.Variants[m.Desc.Digest] = m.Config.RootFS.DiffIDs
		for chain, size := range s.unpacked(ctx, m.Config.RootFS.DiffIDs) {
			part := "chain:" + chain // not to be taken for a blob of that digest
			if _, counted := img.Parts[part]; !counted {
				img.Parts[part] = size
				img.Size += size
			}
		}
	}
	return img
}

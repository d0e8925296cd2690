//go:build linux

package place

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"

	"berth/internal/fault"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Untag takes tags from the index.
func (l *Layout) Untag(tags []string) error {
	if len(tags) == 0 {
		return nil
	}
	err := l.change(func(index *ocispec.Index) {
		index.Manifests = slices.DeleteFunc(index.Manifests, func(d ocispec.Descriptor) bool { return slices.Contains(tags, d.Annotations[tagKey]) })
	})
	return fault.Wrap(kindOf(err), err, "the index of the layout cannot be changed")
}

// Collect removes the blobs that nothing in the index refers to, and returns how many bytes they had. The
// caller has the layout alone. Of others' manifests everything stays that they refer to; if one cannot be read, all stays.
func (l *Layout) Collect(ctx context.Context) (freed int64, err error) {
	wrap := func(err error) error {
		return fault.Wrap(kindOf(err), err, "blobs that nobody needs cannot be removed")
	}
	index, err := l.index()
	if err != nil {
		return 0, err
	}
	kept := map[digest.Digest]bool{}
	for _, d := range index.Manifests {
		if err := l.mark(ctx, d, kept, 0); err != nil {
			return 0, wrap(err)
		}
	}
	files, err := os.ReadDir(l.path(blobs))
	if err != nil {
		return 0, wrap(err)
	}
	for _, f := range files {
		d := digest.NewDigestFromEncoded(digest.SHA256, f.Name())
		if kept[d] || d.Validate() != nil {
			continue
		}
		info, err := f.Info()
		if err == nil {
			err = os.Remove(filepath.Join(l.path(blobs), f.Name()))
		}
		if err != nil {
			return freed, wrap(err)
		}
		freed += info.Size()
	}
	return freed, nil
}

// deepest is how far indexes may be in indexes.
const deepest = 8

// mark notes a manifest and all that it refers to, whatever it is of.
func (l *Layout) mark(ctx context.Context, d ocispec.Descriptor, kept map[digest.Digest]bool, depth int) error {
	if kept[d.Digest] {
		return nil
	}
	if depth > deepest {
		return errors.New("indexes are in indexes without an end")
	}
	text, err := ReadLimited(ctx, l, d, 64<<20)
	if err != nil {
		return err
	}
	var m struct {
		Config, Subject          *ocispec.Descriptor
		Manifests, Layers, Blobs []ocispec.Descriptor
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return err
	}
	kept[d.Digest] = true
	for _, blob := range append(m.Layers, m.Blobs...) {
		kept[blob.Digest] = true
	}
	if m.Config != nil {
		kept[m.Config.Digest] = true
	}
	children := m.Manifests
	if m.Subject != nil {
		if there, err := l.Has(ctx, *m.Subject); there && err == nil { // it need not be
			children = append(children, *m.Subject)
		}
	}
	for _, child := range children {
		if err := l.mark(ctx, child, kept, depth+1); err != nil {
			return err
		}
	}
	return nil
}

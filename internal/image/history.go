package image

import (
	"context"
	"time"

	"berth/internal/image/spelling"
	"berth/internal/image/tree"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Step is one line of an image's history.
type Step struct {
	ID        string // of the image that the step ended with, when it is here; else "<missing>"
	Created   time.Time
	CreatedBy string
	Comment   string
	Tags      []string // familiar ones, of the image with that ID
	Size      int64    // bytes of the layer that the step made; 0 when it made none
}

// History tells how an image came to be, the last step first. p chooses one of an index's images; nil is
// the one that the host runs.
func (d Details) History(ctx context.Context, ref string, p *ocispec.Platform) ([]Step, error) {
	var img Image
	var err error
	if p == nil {
		img, err = d.Get(ctx, ref)
	} else {
		img, err = d.Variant(ctx, ref, *p)
	}
	if err != nil {
		return nil, err
	}
	cat, err := d.current(ctx)
	if err != nil {
		return nil, err
	}
	sizes := d.unpacked(scoped(ctx), img.DiffIDs)
	var ordered []int64
	for _, chain := range tree.ChainIDs(img.DiffIDs) {
		ordered = append(ordered, sizes[digest.Digest(chain)])
	}
	steps := steps(img.Config.History, ordered)
	cat.recognize(steps, img)
	return steps, nil
}

// steps are a history's lines, the last first; sizes are the layers', lowest first. A history that tells
// of more layers than there are gives them no size.
func steps(history []ocispec.History, sizes []int64) []Step {
	out := make([]Step, len(history))
	for i, h := range history {
		s := Step{ID: "<missing>", CreatedBy: h.CreatedBy, Comment: h.Comment}
		if h.Created != nil {
			s.Created = *h.Created
		}
		if !h.EmptyLayer && len(sizes) > 0 {
			s.Size, sizes = sizes[0], sizes[1:]
		}
		out[len(out)-1-i] = s
	}
	return out
}

// recognize names the images that the steps ended with: img, and those that it was committed of one
// after the other.
func (cat *catalog) recognize(steps []Step, img Image) {
	for i := range steps {
		steps[i].ID = img.ID.String()
		for _, name := range img.Names {
			steps[i].Tags = append(steps[i].Tags, spelling.Familiar(name))
		}
		parent, ok := cat.byID[img.Parent]
		if !ok {
			return
		}
		img = parent
	}
}

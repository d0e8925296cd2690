package image

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"strconv"

	"berth/internal/fault"
	"berth/internal/image/cause"
	"berth/internal/image/outgoing"
	"berth/internal/image/spelling"
	"berth/internal/image/transfer"
	"berth/internal/image/tree"
	"berth/internal/remote"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/metadata/boltutil"
	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	bolt "go.etcd.io/bbolt"
)

// PushOptions say what is pushed.
type PushOptions struct {
	Name     string // as people write it, without a tag
	Tag      string // "" is every tag that the store has
	Platform *ocispec.Platform
	Who      remote.Credentials
}

// Pushed is a tag that has been pushed; it is what a push's aux message says.
type Pushed struct {
	Tag    string
	Digest digest.Digest
	Size   int64
}

// Push sends images to the registry of their name. What has arrived when it fails stays there, and is not sent again.
// It returns the names that were pushed.
func (t *Transfers) Push(ctx context.Context, opts PushOptions, tell transfer.Tell) ([]string, error) {
	ref, err := spelling.Pushed(opts.Name, opts.Tag)
	if err != nil {
		return nil, err
	}
	p := &push{Transfers: t, tell: tell, platform: opts.Platform}
	if p.to, err = t.registry.Repository(ref, remote.Push, opts.Who); err != nil {
		return nil, err
	}
	defer p.to.Close()
	_ = t.notes.Expire() // an old note is not used, and takes a block
	tell(transfer.Message{Status: "The push refers to repository [" + ref.Name() + "]"})
	refs, err := t.pushed(ctx, ref)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, p.ref = range refs {
		if err := p.one(ctx); err != nil {
			return names, remote.PushError(cause.Classify(err))
		}
		names = append(names, reference.FamiliarString(p.ref))
	}
	return names, nil
}

// pushed are the tags that are meant: the one that is named, or all of the repository.
func (t *Transfers) pushed(ctx context.Context, ref reference.Named) ([]reference.NamedTagged, error) {
	cat, err := t.s.current(ctx)
	if err != nil {
		return nil, err
	}
	var all []reference.NamedTagged
	for _, name := range slices.Sorted(maps.Keys(cat.byName)) {
		known, err := reference.ParseNormalizedNamed(name)
		if tagged, ok := known.(reference.NamedTagged); err == nil && ok && tagged.Name() == ref.Name() {
			all = append(all, tagged)
		}
	}
	if len(all) == 0 {
		return nil, fault.New(fault.NotFound, "An image does not exist locally with the tag: %s", reference.FamiliarName(ref))
	}
	if reference.IsNameOnly(ref) {
		return all, nil
	}
	i := slices.IndexFunc(all, func(known reference.NamedTagged) bool { return known.String() == ref.String() })
	if i < 0 {
		return nil, fault.New(fault.NotFound, "tag does not exist: %s", reference.FamiliarString(ref))
	}
	return all[i : i+1], nil
}

// push is one that is under way.
type push struct {
	*Transfers
	to       *remote.Repository
	ref      reference.NamedTagged
	platform *ocispec.Platform
	tell     transfer.Tell
}

// one pushes one tag. A lease holds what is being sent, so that the image may be removed meanwhile.
func (p *push) one(ctx context.Context) error {
	img, err := p.s.find(ctx, p.ref.String())
	if err != nil {
		return err
	}
	c, err := p.s.begin(ctx)
	if err != nil {
		return err
	}
	return c.finish(p.send(c, img))
}

func (p *push) send(c *change, img Image) error {
	t, err := tree.Read(c.ctx, p.s.content, img.Target)
	if err != nil {
		return err
	}
	what, err := p.choose(c.ctx, t, img)
	if err != nil {
		return err
	}
	for _, d := range append(slices.Clone(what.Documents), what.Blobs...) {
		if there, err := transfer.Leased(c.ctx, p.s.content, d); err != nil || !there {
			return errors.Join(err, fault.New(fault.NotFound, "content of %s has gone from the store: %s", reference.FamiliarString(p.ref), d.Digest))
		}
	}
	up := transfer.Uploads{To: p.to, Slots: p.uploads, Tell: p.tell, Open: func(d ocispec.Descriptor, offset int64) (io.ReadCloser, error) {
		return transfer.Open(c.ctx, p.s.content, d, offset)
	}, Known: func(d ocispec.Descriptor) []string { return transfer.Sources(c.ctx, p.s.content, d.Digest, p.ref) },
		Note: func(d ocispec.Descriptor) *outgoing.Note { return p.notes.Begin(p.ref.Name(), d.Digest) }}
	if err := up.Send(c.ctx, what.Blobs, images.IsLayerType); err != nil {
		return err
	}
	for i, d := range what.Documents { // those that others refer to come first
		key := d.Digest.String()
		if i == len(what.Documents)-1 {
			key = p.ref.Tag()
		}
		body, err := content.ReadBlob(c.ctx, p.s.content, d)
		if err != nil {
			return err
		}
		if err := p.to.Put(c.ctx, key, d, body); err != nil {
			return err
		}
	}
	root := what.Documents[len(what.Documents)-1]
	p.tell(transfer.Message{Status: p.ref.Tag() + ": digest: " + root.Digest.String() + " size: " + strconv.FormatInt(root.Size, 10)})
	p.tell(transfer.Message{Layer: true, Aux: Pushed{p.ref.Tag(), root.Digest, root.Size}})
	if what.Note != nil {
		p.tell(transfer.Message{Aux: what.Note})
	}
	return p.s.db.Update(func(tx *bolt.Tx) error {
		ctx := boltutil.WithTransaction(c.ctx, tx)
		for _, b := range what.Blobs {
			if err := transfer.AddSource(ctx, p.s.content, b.Digest, p.ref); err != nil {
				return err
			}
		}
		return nil
	})
}

// PushedInstead tells that a manifest was pushed instead of the index that is not all there.
type PushedInstead struct {
	Instead  bool               `json:"manifestPushedInsteadOfIndex"` // true
	Original ocispec.Descriptor `json:"originalIndex"`
	Selected ocispec.Descriptor `json:"selectedManifest"`
}

// choose finds out what is pushed: the whole image; of an index that is not all there, what the host runs; or what was asked for.
func (p *push) choose(ctx context.Context, t *tree.Tree, img Image) (transfer.Parcel, error) {
	if p.platform != nil {
		m, err := t.Provide(reference.FamiliarString(p.ref), *p.platform)
		if err != nil {
			return transfer.Parcel{}, err
		}
		return transfer.Pack(ctx, p.s.content, t.Children, m.Desc)
	}
	target := t.Target
	target.Size = t.Size
	whole, err := transfer.Pack(ctx, p.s.content, t.Children, target)
	if err == nil || !errdefs.IsNotFound(err) || !images.IsIndexType(target.MediaType) {
		return whole, err
	}
	m, err := t.Choose()
	if err != nil {
		return transfer.Parcel{}, err
	}
	part, err := transfer.Pack(ctx, p.s.content, t.Children, m.Desc)
	part.Note = &PushedInstead{Instead: true, Original: target, Selected: m.Desc}
	return part, err
}

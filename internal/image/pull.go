package image

import (
	"context"
	"path/filepath"

	"berth/internal/fault"
	"berth/internal/image/cause"
	"berth/internal/image/outgoing"
	"berth/internal/image/spelling"
	"berth/internal/image/transfer"
	"berth/internal/image/tree"
	"berth/internal/remote"

	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Transfers pulls and pushes images.
type Transfers struct {
	s         *Service
	registry  *remote.Client
	downloads *transfer.Downloads
	uploads   chan struct{}   // a slot for each that may be under way
	notes     *outgoing.Notes // where they go
}

// Transfers returns the pulls and pushes of the store's images.
func (s *Service) Transfers(registry *remote.Client, limits transfer.Limits) *Transfers {
	return &Transfers{
		s: s, registry: registry, downloads: transfer.NewDownloads(s.content, s.leases, limits),
		uploads: make(chan struct{}, max(limits.Uploads, 1)), notes: outgoing.Open(filepath.Join(s.root, "outgoing")),
	}
}

// PullOptions say what is pulled.
type PullOptions struct {
	Name     string // as people write it, without a tag
	Tag      string // or a digest; "" is every tag of the repository
	Platform string // "" is the host's
	Who      remote.Credentials
}

// Pull brings an image from its registry, and unpacks it. When it returns the image is on stable storage under its name. What has
// arrived when it fails stays for a day, and is not fetched again. It returns the names that were pulled.
func (t *Transfers) Pull(ctx context.Context, opts PullOptions, tell transfer.Tell) ([]string, error) {
	ref, err := spelling.Pulled(opts.Name, opts.Tag)
	if err != nil {
		return nil, err
	}
	p := &pull{Transfers: t, ref: ref, tell: tell, host: opts.Platform == ""}
	if p.platform = platforms.DefaultSpec(); !p.host {
		if p.platform, err = platforms.Parse(opts.Platform); err != nil {
			return nil, fault.As(fault.Invalid, err)
		}
	}
	if p.from, err = t.registry.Repository(ref, remote.Pull, opts.Who); err != nil {
		return nil, err
	}
	defer p.from.Close()
	refs := []reference.Named{ref}
	if reference.IsNameOnly(ref) {
		if refs, err = p.everyTag(ctx); err != nil {
			return nil, remote.PullError(err, ref)
		}
	}
	var names []string
	for _, p.ref = range refs {
		if err := p.one(ctx); err != nil {
			return names, remote.PullError(cause.Classify(err), p.ref)
		}
		names = append(names, reference.FamiliarString(p.ref))
	}
	tell(transfer.Message{Status: "Status: " + map[bool]string{true: "Downloaded newer image", false: "Image is up to date"}[p.fresh] + " for " + reference.FamiliarString(ref)})
	return names, nil
}

// pull is one that is under way.
type pull struct {
	*Transfers
	from     *remote.Repository
	ref      reference.Named // with a tag or a digest
	platform ocispec.Platform
	host     bool // the platform is this host's, and nobody asked for it
	known    bool // the image has another name here already
	fresh    bool // a name stands for something that it did not stand for before
	tell     transfer.Tell
}

func (p *pull) everyTag(ctx context.Context) ([]reference.Named, error) {
	tags, err := p.from.Tags(ctx)
	if err != nil {
		return nil, err
	}
	var refs []reference.Named
	for _, tag := range tags {
		ref, err := reference.WithTag(p.ref, tag)
		if err != nil {
			return nil, fault.Wrap(fault.Internal, err, "the registry told of the tag %s", fault.Quoted(tag))
		}
		refs = append(refs, ref)
	}
	return refs, nil
}

// one pulls one reference.
func (p *pull) one(ctx context.Context) error {
	target, err := p.from.Resolve(ctx, remote.Key(p.ref))
	if err != nil {
		return err
	}
	p.tell(transfer.Message{ID: remote.Key(p.ref), Status: "Pulling from " + reference.Path(p.ref)})
	if there, err := p.there(ctx, target); err != nil || !there {
		if err != nil {
			return err
		}
		p.fresh = true
		c, err := p.s.begin(ctx)
		if err != nil {
			return err
		}
		if err := c.finish(p.bring(ctx, c, target)); err != nil {
			return err
		}
	}
	p.tell(transfer.Message{Status: "Digest: " + target.Digest.String()})
	return nil
}

// there reports that the name stands for the target already, and that it is all there for the platform.
func (p *pull) there(ctx context.Context, target ocispec.Descriptor) (bool, error) {
	cat, err := p.s.current(ctx)
	if err != nil {
		return false, err
	}
	whole, err := p.whole(ctx, cat, target.Digest)
	p.known = whole
	return whole && cat.byName[p.ref.String()] == target.Digest, err
}

// whole reports that an image is all there for the platform, by whatever name.
func (p *pull) whole(ctx context.Context, cat *catalog, id digest.Digest) (bool, error) {
	img, ok := cat.byID[id]
	if !ok {
		return false, nil
	}
	matcher := platforms.OnlyStrict(p.platform)
	if p.host {
		matcher = platforms.Default()
	}
	if !matcher.Match(img.Platform) {
		return false, nil
	}
	_, err := p.s.Layers(ctx, img.ID)
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	return err == nil, err
}

// bring fetches what the target is made of, and writes it down.
func (p *pull) bring(ctx context.Context, c *change, target ocispec.Descriptor) error {
	documents := transfer.Documents{Store: p.s.content, From: p.from, Platform: p.platform, Host: p.host, Name: reference.FamiliarString(p.ref)}
	m, err := documents.Choose(c.ctx, target)
	if err != nil {
		return err
	}
	top, err := p.layers(scoped(ctx), c, m)
	if err != nil {
		return err
	}
	t, err := tree.Read(c.ctx, p.s.content, target)
	if err != nil {
		return err
	}
	rec := record{name: p.ref.String(), target: target, tree: t, snapshots: map[digest.Digest]string{m.Manifest.Config.Digest: top}}
	if err := p.s.record(c.ctx, []record{rec}); err != nil {
		return err
	}
	return p.settle(c.ctx, append([]ocispec.Descriptor{m.Manifest.Config}, m.Manifest.Layers...))
}

package image

import (
	"context"
	"io"
	"maps"
	"slices"
	"strings"

	"berth/internal/fault"
	"berth/internal/image/bundle"
	"berth/internal/image/tree"

	"github.com/containerd/containerd/v2/core/leases"
	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Archives writes images into archives.
type Archives struct{ *Service }

// SaveOptions say what goes into an archive.
type SaveOptions struct {
	Names []string // a repository without a tag stands for all of its tags
	// Platforms, when there are any, are what is saved of each image: one alone without the index around
	// it, several within their index.
	Platforms []ocispec.Platform
	// Begin is called once the archive is known to be whole: with its size in bytes and the targets in it.
	Begin func(size int64, targets []digest.Digest) io.Writer
}

// Save writes images into an archive (see bundle). What it saves stays in the store until it is done,
// whoever removes it meanwhile.
func (a Archives) Save(ctx context.Context, opts SaveOptions) error {
	if len(opts.Names) == 0 {
		return fault.New(fault.Invalid, "no image is named that could be saved")
	}
	cat, err := a.current(ctx)
	if err != nil {
		return err
	}
	chosen, err := cat.choice(opts.Names)
	if err != nil {
		return err
	}
	c, err := a.begin(ctx)
	if err != nil {
		return err
	}
	return c.finish(c.save(chosen, opts))
}

// save is a change that only holds what it reads.
func (c *change) save(chosen []match, opts SaveOptions) error {
	var list []bundle.Image
	var targets []digest.Digest
	for _, m := range chosen {
		r := leases.Resource{ID: m.img.ID.String(), Type: "content"}
		if err := c.s.leases.AddResource(c.ctx, c.lease, r); err != nil {
			return err
		}
		t, err := tree.Read(c.ctx, c.s.content, m.img.Target)
		if err != nil {
			return err
		}
		part, err := t.Export(c.ctx, c.s.content, opts.Platforms)
		if err != nil {
			return err
		}
		part.Name = m.name
		list, targets = append(list, part), append(targets, part.Target.Digest)
	}
	entries, err := bundle.Plan(list)
	if err != nil {
		return err
	}
	size, err := bundle.Size(entries)
	if err != nil {
		return err
	}
	return bundle.Write(c.ctx, opts.Begin(size, targets), entries, c.s.content)
}

// choice finds what a save names. A name without a tag is all of its repository, as in Docker; an ID or
// a digest saves the image without a name.
func (cat *catalog) choice(words []string) ([]match, error) {
	var chosen []match
	seen := map[string]bool{}
	add := func(m match) {
		if key := m.img.ID.String() + " " + m.name; !seen[key] {
			seen[key] = true
			chosen = append(chosen, m)
		}
	}
	for _, word := range words {
		if all := cat.repository(word); len(all) > 0 {
			for _, m := range all {
				add(m)
			}
			continue
		}
		m, err := cat.find(word)
		if err != nil {
			return nil, err
		}
		if strings.Contains(word, "@") {
			m.name = ""
		}
		add(m)
	}
	return chosen, nil
}

// repository are the images of a repository that is named without a tag, by tag.
func (cat *catalog) repository(word string) (all []match) {
	ref, err := reference.ParseNormalizedNamed(word)
	if err != nil || !reference.IsNameOnly(ref) {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(cat.byName)) {
		if named, err := reference.ParseNormalizedNamed(name); err == nil && named.Name() == ref.Name() {
			all = append(all, match{img: cat.byID[cat.byName[name]], name: name})
		}
	}
	return all
}

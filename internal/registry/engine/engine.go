// Package engine serves an engine's own images as a registry's content, so that
// another machine pulls what was built here without a push in between.
//
// An image is in the repository that its name has without docker.io and
// library: debian:12 is debian, ghcr.io/a/b is ghcr.io/a/b. A port's colon,
// which repositories cannot have, is an underscore: localhost:5000/x is
// localhost_5000/x. A repository has the blobs of its images and no others.
package engine

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"berth/internal/image"
	"berth/internal/registry"
	"berth/internal/registry/grammar"
	"berth/internal/registry/refusal"

	"github.com/opencontainers/go-digest"
)

const manifestLimit = 4 << 20

// Images are the engine's, read without a lock.
type Images interface {
	List(ctx context.Context) ([]image.Image, error)
}

// Content is what of them is served.
type Content struct {
	images Images
	blobs  *os.Root // <images>/content/blobs: algorithm/digest, as containerd keeps them
}

// New serves images whose store is in a directory.
func New(images Images, dir string) (*Content, error) {
	blobs, err := os.OpenRoot(dir + "/content/blobs")
	if errors.Is(err, fs.ErrNotExist) { // before the first image
		if err = os.MkdirAll(dir+"/content/blobs", 0o755); err == nil {
			blobs, err = os.OpenRoot(dir + "/content/blobs")
		}
	}
	return &Content{images, blobs}, err
}

// Close gives the directory back.
func (c *Content) Close() error { return c.blobs.Close() }

// place is where a name is served: repository and tag.
func place(name string) (repo, tag string, ok bool) {
	colon := strings.LastIndexByte(name, ':')
	if colon < 0 || colon < strings.LastIndexByte(name, '/') {
		return "", "", false
	}
	repo, tag = name[:colon], name[colon+1:]
	if short, ours := strings.CutPrefix(repo, "docker.io/"); ours {
		repo = strings.TrimPrefix(short, "library/")
	}
	repo, err := grammar.Repository(strings.ReplaceAll(repo, ":", "_"))
	return repo, tag, err == nil
}

// shelf is what a repository has.
type shelf struct {
	tags   map[string]digest.Digest
	images []image.Image
}

// shelf finds a repository; docker.io's may be asked for with library too.
func (c *Content) shelf(ctx context.Context, repo string) (shelf, error) {
	list, err := c.images.List(ctx)
	if err != nil {
		return shelf{}, err
	}
	repo = strings.TrimPrefix(repo, "library/")
	s := shelf{tags: map[string]digest.Digest{}}
	for _, img := range list {
		here := false
		for _, name := range img.Names {
			if r, tag, ok := place(name); ok && r == repo {
				s.tags[tag], here = img.ID, true
			}
		}
		if here {
			s.images = append(s.images, img)
		}
	}
	return s, nil
}

// has reports content of one of the repository's images.
func (s shelf) has(d digest.Digest) bool {
	return slices.ContainsFunc(s.images, func(img image.Image) bool {
		_, ok := img.Parts[d]
		return ok
	})
}

// Blob opens content of one of the repository's images.
func (c *Content) Blob(ctx context.Context, repo string, d digest.Digest) (registry.Blob, error) {
	unknown := refusal.New(refusal.BlobUnknown, "%s has no blob %s", repo, d)
	s, err := c.shelf(ctx, repo)
	if err != nil {
		return registry.Blob{}, err
	}
	if !s.has(d) {
		return registry.Blob{}, unknown
	}
	f, size, err := c.open(d)
	if errors.Is(err, fs.ErrNotExist) {
		return registry.Blob{}, unknown // the image has been removed since, or its layers of other platforms never came
	}
	return registry.Blob{Content: f, Size: size}, err
}

func (c *Content) open(d digest.Digest) (*os.File, int64, error) {
	f, err := c.blobs.Open(d.Algorithm().String() + "/" + d.Encoded())
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

// Manifest reads what a tag names, or a manifest of one of the images.
func (c *Content) Manifest(ctx context.Context, repo string, ref grammar.Reference) (m registry.Manifest, err error) {
	unknown := refusal.New(refusal.ManifestUnknown, "%s has no manifest %s", repo, ref)
	s, err := c.shelf(ctx, repo)
	if err != nil {
		return m, err
	}
	m.Digest = ref.Digest
	if ref.Tag != "" {
		m.Digest = s.tags[ref.Tag]
	}
	if m.Digest == "" || !s.has(m.Digest) {
		return m, unknown
	}
	body, links, err := c.document(m.Digest)
	if err != nil {
		return m, err
	}
	if links.MediaType == "" {
		return m, unknown
	}
	m.MediaType, m.Body = links.MediaType, body
	return m, nil
}

// document reads a manifest or an index. Of what is not there, or is a layer or a config, it has no media type.
func (c *Content) document(d digest.Digest) (body []byte, links grammar.Links, err error) {
	f, size, err := c.open(d)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, links, nil
	}
	if err != nil {
		return nil, links, err
	}
	defer f.Close()
	if size > manifestLimit {
		return nil, links, nil
	}
	body = make([]byte, size)
	if _, err := io.ReadFull(f, body); err != nil {
		return nil, links, err
	}
	if links, err = grammar.ReadLinks("", body); err != nil {
		return nil, grammar.Links{}, nil
	}
	return body, links, nil
}

// Referrers are the manifests of the repository's images that say that the subject is what they are about. What an index
// only lists beside its images, as BuildKit's attestations, is found by the index.
func (c *Content) Referrers(ctx context.Context, repo string, subject digest.Digest) ([]grammar.Descriptor, error) {
	s, err := c.shelf(ctx, repo)
	if err != nil {
		return nil, err
	}
	found := map[digest.Digest]grammar.Descriptor{}
	for _, img := range s.images {
		for d := range img.Parts {
			if _, seen := found[d]; seen || d.Validate() != nil {
				continue // chains of layers are parts too
			}
			body, links, err := c.document(d)
			if err != nil {
				return nil, err
			}
			if links.Subject == subject {
				found[d] = registry.Push{Digest: d, Body: body, Links: links}.Descriptor()
			}
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b grammar.Descriptor) int { return strings.Compare(string(a.Digest), string(b.Digest)) }), nil
}

// Tags are those of a repository's images.
func (c *Content) Tags(ctx context.Context, repo string) ([]string, error) {
	s, err := c.shelf(ctx, repo)
	if err != nil {
		return nil, err
	}
	if len(s.tags) == 0 {
		return nil, refusal.New(refusal.NameUnknown, "There is no repository %s", repo)
	}
	var tags []string
	for tag := range s.tags {
		tags = append(tags, tag)
	}
	slices.Sort(tags)
	return tags, nil
}

// Repositories are those that the images' names have.
func (c *Content) Repositories(ctx context.Context) ([]string, error) {
	list, err := c.images.List(ctx)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, img := range list {
		for _, name := range img.Names {
			if repo, _, ok := place(name); ok {
				found = append(found, repo)
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

// Package mirror serves another registry's content and keeps what it has served:
// blobs and manifests by digest are asked for once, tags each time, and what is
// here does for an upstream that is away.
package mirror

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"

	"berth/internal/fault"
	"berth/internal/registry"
	"berth/internal/registry/grammar"
	"berth/internal/registry/refusal"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/singleflight"
)

const (
	manifestLimit = 4 << 20
	// listLimit bounds a page of tags or an index of referrers.
	listLimit = 8 << 20
	// pagesLimit is how many pages of tags an upstream may have.
	pagesLimit = 1000
)

// Cache is where what has been served is kept. It takes manifests before their blobs.
type Cache interface {
	registry.Content
	Begin(ctx context.Context, repo string) (registry.Upload, error)
	PutManifest(ctx context.Context, repo string, p registry.Push) error
}

// Mirror is the content of an upstream.
type Mirror struct {
	Cache    Cache
	Upstream *Upstream
	// Failed is told why something that is kept was served in the upstream's place.
	Failed func(err error)

	asking  singleflight.Group // for manifests
	mu      sync.Mutex
	flights map[string]*flight // of blobs
}

// Manifest is a manifest by its digest, from here or there, or by a tag, as it
// is there now.
func (m *Mirror) Manifest(ctx context.Context, repo string, ref grammar.Reference) (registry.Manifest, error) {
	if ref.Digest != "" {
		if kept, err := m.Cache.Manifest(ctx, repo, ref); !refusal.Is(err, refusal.ManifestUnknown) {
			return kept, err
		}
	}
	// Those who ask for the same share one answer, which does not end when the
	// first of them goes.
	shared := context.WithoutCancel(ctx)
	answer := m.asking.DoChan(repo+"@"+ref.String(), func() (any, error) { return m.current(shared, repo, ref) })
	select {
	case r := <-answer:
		found, _ := r.Val.(registry.Manifest)
		return found, r.Err
	case <-ctx.Done():
		return registry.Manifest{}, ctx.Err()
	}
}

// current is what the upstream has under a reference, or what is kept if it is away.
func (m *Mirror) current(ctx context.Context, repo string, ref grammar.Reference) (registry.Manifest, error) {
	found, err := m.fetch(ctx, repo, ref)
	switch {
	case err == nil:
		return found, nil
	case fault.Is(err, fault.NotFound):
		return found, refusal.New(refusal.ManifestUnknown, "%s has no manifest %s: %v", repo, ref, err)
	case !fault.Is(err, fault.Unavailable):
		return found, err
	}
	kept, keptErr := m.Cache.Manifest(ctx, repo, ref)
	if keptErr != nil {
		return kept, unavailable(err)
	}
	m.Failed(err)
	return kept, nil
}

// unavailable is the answer for what only the upstream could say.
func unavailable(err error) error {
	if refusal.Is(err, refusal.TooMany) {
		return err
	}
	e := refusal.New(refusal.Unavailable, "The upstream cannot be asked: %v", err)
	e.Status = http.StatusBadGateway
	return e
}

// fetch asks the upstream, first for the digest only: what is kept need not come again.
func (m *Mirror) fetch(ctx context.Context, repo string, ref grammar.Reference) (none registry.Manifest, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*answering)
	defer cancel()
	accept := http.Header{"Accept": {grammar.OCIIndex, grammar.DockerList, grammar.OCIManifest, grammar.DockerManifest}}
	if ref.Tag != "" {
		resp, err := m.Upstream.ask(ctx, http.MethodHead, repo, "manifests/"+ref.Tag, accept)
		if err != nil {
			return none, err
		}
		_ = resp.Body.Close()
		if d, err := grammar.Digest(resp.Header.Get("Docker-Content-Digest")); err == nil {
			if kept, err := m.Cache.Manifest(ctx, repo, ref); err == nil && kept.Digest == d {
				return kept, nil
			}
		}
	}
	resp, err := m.Upstream.ask(ctx, http.MethodGet, repo, "manifests/"+ref.String(), accept)
	if err != nil {
		return none, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, manifestLimit+1))
	if err != nil {
		return none, away(err)
	}
	return m.keep(ctx, repo, ref, resp.Header, body)
}

// keep checks a manifest that came, and stores it with its tag.
func (m *Mirror) keep(ctx context.Context, repo string, ref grammar.Reference, header http.Header, body []byte) (none registry.Manifest, err error) {
	if len(body) > manifestLimit {
		return none, fault.New(fault.Unavailable, "the upstream's manifest has more than %d bytes", manifestLimit)
	}
	algorithm := digest.SHA256
	if ref.Digest != "" {
		algorithm = ref.Digest.Algorithm()
	}
	p := registry.Push{Digest: algorithm.FromBytes(body), Body: body}
	if ref.Digest != "" && p.Digest != ref.Digest {
		return none, fault.New(fault.Unavailable, "the upstream's manifest has the digest %s, and not %s", p.Digest, ref.Digest)
	}
	if ref.Tag != "" {
		p.Tags = []string{ref.Tag}
	}
	if p.Links, err = grammar.ReadLinks(header.Get("Content-Type"), body); err != nil {
		return none, fault.Wrap(fault.Unavailable, err, "the upstream's manifest")
	}
	if err := m.Cache.PutManifest(ctx, repo, p); err != nil {
		return none, err
	}
	return registry.Manifest{Digest: p.Digest, MediaType: p.Links.MediaType, Body: body}, nil
}

// Tags are the upstream's; of one that is away those that are kept.
func (m *Mirror) Tags(ctx context.Context, repo string) ([]string, error) {
	tags, err := m.upstreamTags(ctx, repo)
	switch {
	case err == nil:
		slices.Sort(tags)
		return slices.Compact(tags), nil
	case fault.Is(err, fault.NotFound):
		return nil, refusal.New(refusal.NameUnknown, "There is no repository %s: %v", repo, err)
	case !fault.Is(err, fault.Unavailable):
		return nil, err
	}
	kept, keptErr := m.Cache.Tags(ctx, repo)
	if keptErr != nil {
		return nil, unavailable(err)
	}
	m.Failed(err)
	return kept, nil
}

func (m *Mirror) upstreamTags(ctx context.Context, repo string) ([]string, error) {
	var tags []string
	last := ""
	for range pagesLimit {
		var page struct {
			Tags []string `json:"tags"`
		}
		header, err := m.list(ctx, repo, "tags/list?"+url.Values{"n": {"1000"}, "last": {last}}.Encode(), &page)
		if err != nil {
			return nil, err
		}
		tags = append(tags, page.Tags...)
		if header.Get("Link") == "" || len(page.Tags) == 0 {
			return tags, nil
		}
		last = page.Tags[len(page.Tags)-1]
	}
	return nil, fault.New(fault.Unavailable, "the upstream's tags have no end")
}

// list reads a JSON answer.
func (m *Mirror) list(ctx context.Context, repo, path string, into any) (http.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*answering)
	defer cancel()
	resp, err := m.Upstream.ask(ctx, http.MethodGet, repo, path, nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, listLimit)).Decode(into); err != nil {
		return nil, away(err)
	}
	return resp.Header, nil
}

// Referrers are the upstream's; of one that is away, or has no such list, those that are kept.
func (m *Mirror) Referrers(ctx context.Context, repo string, subject digest.Digest) ([]grammar.Descriptor, error) {
	var index struct {
		Manifests []grammar.Descriptor `json:"manifests"`
	}
	_, err := m.list(ctx, repo, "referrers/"+subject.String(), &index)
	if err == nil {
		return index.Manifests, nil
	}
	if !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Unavailable) {
		return nil, err
	}
	return m.Cache.Referrers(ctx, repo, subject)
}

// Repositories are those of which something is kept: an upstream's may be all the world's.
func (m *Mirror) Repositories(ctx context.Context) ([]string, error) {
	return m.Cache.Repositories(ctx)
}

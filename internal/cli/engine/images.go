package engine

import (
	"context"
	"io"
	"net/http"
	"net/url"

	"github.com/moby/moby/api/types/image"
)

// Images are the calls under /images. A ref is a name, an ID or a prefix of one.
type Images struct{ c *Client }

// imagePath keeps the slashes of a name, as the API's routes want them.
func imagePath(ref, verb string) string {
	p := "/images/" + (&url.URL{Path: ref}).EscapedPath()
	if verb != "" {
		p += "/" + verb
	}
	return p
}

// ImageListOptions choose images, and whether their manifests are listed as well.
type ImageListOptions struct {
	All, Manifests bool
	Filters        map[string][]string
}

// List returns images.
func (x Images) List(ctx context.Context, o ImageListOptions) ([]image.Summary, error) {
	q := url.Values{}
	boolQuery(q, "all", o.All)
	boolQuery(q, "manifests", o.Manifests)
	if err := filterQuery(q, o.Filters); err != nil {
		return nil, err
	}
	var out []image.Summary
	err := x.c.json(ctx, request{method: http.MethodGet, path: "/images/json", query: q}, &out)
	return out, err
}

// platformQuery is a platform as JSON, or none.
func platformQuery(platform string) url.Values {
	if platform == "" {
		return nil
	}
	return url.Values{"platform": {platform}}
}

// InspectRaw returns the image as JSON, or what it is for one platform.
func (x Images) InspectRaw(ctx context.Context, ref, platform string) ([]byte, error) {
	return x.c.raw(ctx, request{method: http.MethodGet, path: imagePath(ref, "json"), query: platformQuery(platform)})
}

// History returns the layers of an image, the newest first.
func (x Images) History(ctx context.Context, ref, platform string) ([]image.HistoryResponseItem, error) {
	var out []image.HistoryResponseItem
	err := x.c.json(ctx, request{method: http.MethodGet, path: imagePath(ref, "history"), query: platformQuery(platform)}, &out)
	return out, err
}

// Save returns an archive of images, whole or of some platforms only.
func (x Images) Save(ctx context.Context, refs, platforms []string) (io.ReadCloser, error) {
	q := url.Values{"names": refs}
	if len(platforms) > 0 {
		q["platform"] = platforms
	}
	return x.stream(ctx, request{method: http.MethodGet, path: "/images/get", query: q})
}

// Load sends an archive and returns the daemon's progress as a JSON stream.
func (x Images) Load(ctx context.Context, archive io.Reader, platforms []string, quiet bool) (io.ReadCloser, error) {
	q := url.Values{"quiet": {"0"}}
	boolQuery(q, "quiet", quiet)
	if len(platforms) > 0 {
		q["platform"] = platforms
	}
	return x.stream(ctx, request{
		method: http.MethodPost, path: "/images/load", query: q, body: archive,
		header: http.Header{"Content-Type": {"application/x-tar"}},
	})
}

// ImportOptions name the image that an import makes. Source is "-" for a body or a URL.
type ImportOptions struct {
	Source, Repo      string
	Message, Platform string
	Changes           []string
}

// Import makes an image of a tar; body is nil when the daemon fetches a URL.
func (x Images) Import(ctx context.Context, body io.Reader, o ImportOptions) (io.ReadCloser, error) {
	q := url.Values{"fromSrc": {o.Source}, "changes": o.Changes}
	for name, v := range map[string]string{"repo": o.Repo, "message": o.Message, "platform": o.Platform} {
		if v != "" {
			q.Set(name, v)
		}
	}
	return x.stream(ctx, request{method: http.MethodPost, path: "/images/create", query: q, body: body})
}

// Transfer is what is pulled or pushed: a repository with its registry, and a tag
// or a digest of it, all of its tags when empty. Auth goes into X-Registry-Auth.
type Transfer struct {
	Name, Tag, Platform string
	Auth                string
}

func (t Transfer) query() url.Values {
	q := url.Values{}
	for name, v := range map[string]string{"tag": t.Tag, "platform": t.Platform} {
		if v != "" {
			q.Set(name, v)
		}
	}
	return q
}

func (t Transfer) header() http.Header { return http.Header{"X-Registry-Auth": {t.Auth}} }

// Pull fetches from a registry and returns the progress as a JSON stream.
func (x Images) Pull(ctx context.Context, t Transfer) (io.ReadCloser, error) {
	q := t.query()
	q.Set("fromImage", t.Name)
	return x.stream(ctx, request{method: http.MethodPost, path: "/images/create", query: q, header: t.header()})
}

// Push sends to a registry and returns the progress as a JSON stream. The
// platform is one as JSON.
func (x Images) Push(ctx context.Context, t Transfer) (io.ReadCloser, error) {
	return x.stream(ctx, request{method: http.MethodPost, path: imagePath(t.Name, "push"), query: t.query(), header: t.header()})
}

func (x Images) stream(ctx context.Context, r request) (io.ReadCloser, error) {
	resp, err := x.c.do(ctx, r)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// RemoveImageOptions say how an image is removed. Platforms are JSON; without
// them all of it goes.
type RemoveImageOptions struct {
	Force, NoPrune bool
	Platforms      []string
}

// Remove removes a name or an image and says what went.
func (x Images) Remove(ctx context.Context, ref string, o RemoveImageOptions) ([]image.DeleteResponse, error) {
	q := url.Values{}
	boolQuery(q, "force", o.Force)
	boolQuery(q, "noprune", o.NoPrune)
	if len(o.Platforms) > 0 {
		q["platforms"] = o.Platforms
	}
	var out []image.DeleteResponse
	err := x.c.json(ctx, request{method: http.MethodDelete, path: imagePath(ref, ""), query: q}, &out)
	return out, err
}

// Tag gives an image one more name.
func (x Images) Tag(ctx context.Context, ref, repo, tag string) error {
	return x.c.json(ctx, request{
		method: http.MethodPost, path: imagePath(ref, "tag"), query: url.Values{"repo": {repo}, "tag": {tag}},
	}, nil)
}

// Protect keeps an image from prunes and from the disk budget, or no longer. It
// is berth's own call.
func (x Images) Protect(ctx context.Context, ref string, protected bool) error {
	verb := "unprotect"
	if protected {
		verb = "protect"
	}
	return x.c.json(ctx, request{method: http.MethodPost, path: imagePath(ref, verb)}, nil)
}

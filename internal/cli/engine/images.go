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

// List returns images.
func (x Images) List(ctx context.Context, all bool, filters map[string][]string) ([]image.Summary, error) {
	q := url.Values{}
	boolQuery(q, "all", all)
	if err := filterQuery(q, filters); err != nil {
		return nil, err
	}
	var out []image.Summary
	err := x.c.json(ctx, request{method: http.MethodGet, path: "/images/json", query: q}, &out)
	return out, err
}

// InspectRaw returns the image as JSON.
func (x Images) InspectRaw(ctx context.Context, ref string) ([]byte, error) {
	return x.c.raw(ctx, request{method: http.MethodGet, path: imagePath(ref, "json")})
}

// Load sends an archive and returns the daemon's progress as a JSON stream.
func (x Images) Load(ctx context.Context, archive io.Reader, quiet bool) (io.ReadCloser, error) {
	q := url.Values{"quiet": {"0"}}
	boolQuery(q, "quiet", quiet)
	resp, err := x.c.do(ctx, request{
		method: http.MethodPost, path: "/images/load", query: q, body: archive,
		header: http.Header{"Content-Type": {"application/x-tar"}},
	})
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// ImportOptions name the image that an import makes. Source is "-" for a body or a URL.
type ImportOptions struct {
	Source, Repo, Tag string
	Message, Platform string
	Changes           []string
}

// Import makes an image of a tar; body is nil when the daemon fetches a URL.
func (x Images) Import(ctx context.Context, body io.Reader, o ImportOptions) (io.ReadCloser, error) {
	q := url.Values{"fromSrc": {o.Source}, "changes": o.Changes}
	for name, v := range map[string]string{"repo": o.Repo, "tag": o.Tag, "message": o.Message, "platform": o.Platform} {
		if v != "" {
			q.Set(name, v)
		}
	}
	resp, err := x.c.do(ctx, request{method: http.MethodPost, path: "/images/create", query: q, body: body})
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
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

// Remove removes a name or an image and says what went.
func (x Images) Remove(ctx context.Context, ref string, force, noPrune bool) ([]image.DeleteResponse, error) {
	q := url.Values{}
	boolQuery(q, "force", force)
	boolQuery(q, "noprune", noPrune)
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

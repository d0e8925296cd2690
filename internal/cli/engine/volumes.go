package engine

import (
	"context"
	"net/http"
	"net/url"

	"github.com/moby/moby/api/types/volume"
)

// Volumes are the calls under /volumes.
type Volumes struct{ c *Client }

// Volumes returns the calls under /volumes.
func (c *Client) Volumes() Volumes { return Volumes{c} }

// List returns the volumes that match.
func (x Volumes) List(ctx context.Context, filters map[string][]string) (volume.ListResponse, error) {
	var out volume.ListResponse
	q := url.Values{}
	if err := filterQuery(q, filters); err != nil {
		return out, err
	}
	err := x.c.json(ctx, request{method: http.MethodGet, path: "/volumes", query: q}, &out)
	return out, err
}

// UsedVolume is a volume with who has it, which only berth says.
type UsedVolume struct {
	volume.Volume
	UsedBy []struct {
		ID, Name string
		Running  bool
	}
}

// Raw is a volume as JSON, with size a UsedVolume.
func (x Volumes) Raw(ctx context.Context, name string, size bool) ([]byte, error) {
	q := url.Values{}
	boolQuery(q, "size", size)
	return x.c.raw(ctx, request{method: http.MethodGet, path: "/volumes/" + url.PathEscape(name), query: q})
}

// Create makes a volume, or returns the one that there is.
func (x Volumes) Create(ctx context.Context, o volume.CreateRequest) (volume.Volume, error) {
	var out volume.Volume
	err := x.c.json(ctx, request{method: http.MethodPost, path: "/volumes/create", in: o}, &out)
	return out, err
}

// Remove removes a volume; with force one that is not there is no error, and with purge
// none goes to the trash.
func (x Volumes) Remove(ctx context.Context, name string, force, purge bool) error {
	q := url.Values{}
	boolQuery(q, "purge", purge)
	boolQuery(q, "force", force)
	return x.c.json(ctx, request{method: http.MethodDelete, path: "/volumes/" + url.PathEscape(name), query: q}, nil)
}

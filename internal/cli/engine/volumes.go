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

// Create makes a volume, or returns the one that there is.
func (x Volumes) Create(ctx context.Context, o volume.CreateRequest) (volume.Volume, error) {
	var out volume.Volume
	err := x.c.json(ctx, request{method: http.MethodPost, path: "/volumes/create", in: o}, &out)
	return out, err
}

// Remove removes a volume; with force one that is not there is no error.
func (x Volumes) Remove(ctx context.Context, name string, force bool) error {
	q := url.Values{}
	boolQuery(q, "force", force)
	return x.c.json(ctx, request{method: http.MethodDelete, path: "/volumes/" + url.PathEscape(name), query: q}, nil)
}

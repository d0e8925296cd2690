package engine

import (
	"context"
	"net/http"
	"net/url"

	"github.com/moby/moby/api/types/system"
)

// System are the calls about the daemon itself.
type System struct{ c *Client }

// Version returns what the daemon is made of.
func (x System) Version(ctx context.Context) (system.VersionResponse, error) {
	var out system.VersionResponse
	err := x.c.json(ctx, request{method: http.MethodGet, path: "/version"}, &out)
	return out, err
}

// Info returns the daemon's state and its host's.
func (x System) Info(ctx context.Context) (system.Info, error) {
	var out system.Info
	err := x.c.json(ctx, request{method: http.MethodGet, path: "/info"}, &out)
	return out, err
}

// ObjectRaw returns an object of a collection ("networks", "volumes", …) as JSON.
func (x System) ObjectRaw(ctx context.Context, collection, id string) ([]byte, error) {
	return x.c.raw(ctx, request{method: http.MethodGet, path: "/" + collection + "/" + url.PathEscape(id)})
}

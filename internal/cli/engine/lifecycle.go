package engine

import (
	"context"
	"net/http"
	"net/url"

	"github.com/moby/moby/api/types/container"
)

// Pause freezes all processes of a container.
func (x Containers) Pause(ctx context.Context, id string) error {
	return x.c.json(ctx, request{method: http.MethodPost, path: x.path(id, "pause")}, nil)
}

// Unpause lets a frozen container run on.
func (x Containers) Unpause(ctx context.Context, id string) error {
	return x.c.json(ctx, request{method: http.MethodPost, path: x.path(id, "unpause")}, nil)
}

// Rename gives a container another name.
func (x Containers) Rename(ctx context.Context, id, name string) error {
	return x.c.json(ctx, request{method: http.MethodPost, path: x.path(id, "rename"), query: url.Values{"name": {name}}}, nil)
}

// Update changes a container's limits and restart policy.
func (x Containers) Update(ctx context.Context, id string, config container.UpdateConfig) (container.UpdateResponse, error) {
	var out container.UpdateResponse
	err := x.c.json(ctx, request{method: http.MethodPost, path: x.path(id, "update"), in: config}, &out)
	return out, err
}

package engine

import (
	"context"
	"net/http"
	"net/url"

	"github.com/moby/moby/api/types/container"
)

// Execs are the calls about further processes in a running container.
type Execs struct{ c *Client }

// Create prepares a process in a container and returns its exec ID.
func (x Execs) Create(ctx context.Context, id string, req container.ExecCreateRequest) (string, error) {
	var out container.ExecCreateResponse
	err := x.c.json(ctx, request{method: http.MethodPost, path: "/containers/" + url.PathEscape(id) + "/exec", in: req}, &out)
	return out.ID, err
}

// Start starts a prepared process without its streams.
func (x Execs) Start(ctx context.Context, exec string, req container.ExecStartRequest) error {
	return x.c.json(ctx, request{method: http.MethodPost, path: "/exec/" + url.PathEscape(exec) + "/start", in: req}, nil)
}

// Attach starts a prepared process and takes over its streams.
func (x Execs) Attach(ctx context.Context, exec string, req container.ExecStartRequest) (*Stream, error) {
	return x.c.hijack(ctx, request{method: http.MethodPost, path: "/exec/" + url.PathEscape(exec) + "/start", in: req})
}

// Inspect returns a process, with its exit code once it ended.
func (x Execs) Inspect(ctx context.Context, exec string) (container.ExecInspectResponse, error) {
	var out container.ExecInspectResponse
	err := x.c.json(ctx, request{method: http.MethodGet, path: "/exec/" + url.PathEscape(exec) + "/json"}, &out)
	return out, err
}

// Resize sets the size of the process's terminal, in cells.
func (x Execs) Resize(ctx context.Context, exec string, height, width uint) error {
	return x.c.json(ctx, request{
		method: http.MethodPost, path: "/exec/" + url.PathEscape(exec) + "/resize", query: sizeQuery(height, width),
	}, nil)
}

package engine

import (
	"context"
	"net/http"

	"github.com/moby/moby/api/types/registry"
)

// Login asks the daemon to try credentials at their registry.
func (x System) Login(ctx context.Context, auth registry.AuthConfig) (registry.AuthResponse, error) {
	var out registry.AuthResponse
	err := x.c.json(ctx, request{method: http.MethodPost, path: "/auth", in: auth}, &out)
	return out, err
}

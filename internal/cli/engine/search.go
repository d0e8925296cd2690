package engine

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/moby/moby/api/types/registry"
)

// Search has the daemon look for repositories in a registry. A limit of 0 is
// the registry's own; auth goes into X-Registry-Auth.
func (x System) Search(ctx context.Context, term, auth string, limit int, filters map[string][]string) ([]registry.SearchResult, error) {
	q := url.Values{"term": {term}}
	if limit > 0 {
		q.Set("limit", strconv.Itoa(limit))
	}
	if err := filterQuery(q, filters); err != nil {
		return nil, err
	}
	var out []registry.SearchResult
	err := x.c.json(ctx, request{
		method: http.MethodGet, path: "/images/search", query: q, header: http.Header{"X-Registry-Auth": {auth}},
	}, &out)
	return out, err
}

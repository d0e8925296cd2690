package engine

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/moby/moby/api/types/registry"
)

// SearchOptions say what is looked for. A limit of 0 is the registry's own;
// Auth goes into X-Registry-Auth.
type SearchOptions struct {
	Term, Auth string
	Limit      int
	Filters    map[string][]string
}

// Search has the daemon look for repositories in a registry.
func (x System) Search(ctx context.Context, o SearchOptions) ([]registry.SearchResult, error) {
	q := url.Values{"term": {o.Term}}
	if o.Limit > 0 {
		q.Set("limit", strconv.Itoa(o.Limit))
	}
	if err := filterQuery(q, o.Filters); err != nil {
		return nil, err
	}
	var out []registry.SearchResult
	err := x.c.json(ctx, request{
		method: http.MethodGet, path: "/images/search", query: q, header: http.Header{"X-Registry-Auth": {o.Auth}},
	}, &out)
	return out, err
}

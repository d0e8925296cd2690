package engine

import (
	"context"
	"net/http"
	"net/url"

	"github.com/moby/moby/api/types/image"
)

// Pruned says what a prune has removed. Only the list of its kind is filled.
type Pruned struct {
	ContainersDeleted []string
	NetworksDeleted   []string
	VolumesDeleted    []string
	CachesDeleted     []string
	ImagesDeleted     []image.DeleteResponse
	SpaceReclaimed    uint64
}

// Prune removes what is not in use of a collection: "containers", "networks",
// "volumes" or "images".
func (x System) Prune(ctx context.Context, collection string, filters map[string][]string) (Pruned, error) {
	return x.prune(ctx, "/"+collection+"/prune", url.Values{}, filters)
}

// PruneCache removes what is not in use of the builder's cache, or all of it.
func (x System) PruneCache(ctx context.Context, all bool, filters map[string][]string) (Pruned, error) {
	q := url.Values{}
	boolQuery(q, "all", all)
	return x.prune(ctx, "/build/prune", q, filters)
}

func (x System) prune(ctx context.Context, path string, q url.Values, filters map[string][]string) (Pruned, error) {
	var out Pruned
	if err := filterQuery(q, filters); err != nil {
		return out, err
	}
	err := x.c.json(ctx, request{method: http.MethodPost, path: path, query: q}, &out)
	return out, err
}

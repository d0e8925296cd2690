package engine

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"github.com/moby/moby/api/types/volume"
)

// Trashed is a volume in the trash, which only berth has.
type Trashed struct {
	ID, Name                        string
	CreatedAt, RemovedAt, ExpiresAt string
	Labels, Options                 map[string]string
	Size                            *int64
}

// Trash lists the volumes in the trash.
func (x Volumes) Trash(ctx context.Context, size bool) (list []Trashed, err error) {
	q := url.Values{}
	boolQuery(q, "size", size)
	err = x.c.json(ctx, request{method: http.MethodGet, path: "/trash/volumes", query: q}, &list)
	return list, err
}

// Restore takes a volume out of the trash, under its name with "".
func (x Volumes) Restore(ctx context.Context, ref, name string) (v volume.Volume, err error) {
	q := url.Values{}
	if name != "" {
		q.Set("name", name)
	}
	err = x.c.json(ctx, request{method: http.MethodPost, path: "/trash/volumes/" + url.PathEscape(ref) + "/restore", query: q}, &v)
	return v, err
}

// EmptyTrash deletes what is in the trash: all without refs.
func (x Volumes) EmptyTrash(ctx context.Context, refs []string) (gone volume.PruneReport, err error) {
	q := url.Values{}
	if len(refs) > 0 {
		text, err := json.Marshal(refs)
		if err != nil {
			return gone, err
		}
		q.Set("refs", string(text))
	}
	err = x.c.json(ctx, request{method: http.MethodPost, path: "/trash/volumes/empty", query: q}, &gone)
	return gone, err
}

// Protect keeps a volume from being removed, or no longer.
func (x Volumes) Protect(ctx context.Context, name string, protected bool) error {
	verb := "/unprotect"
	if protected {
		verb = "/protect"
	}
	return x.c.json(ctx, request{method: http.MethodPost, path: "/volumes/" + url.PathEscape(name) + verb}, nil)
}

// Rename gives a volume another name.
func (x Volumes) Rename(ctx context.Context, name, to string) error {
	return x.c.json(ctx, request{method: http.MethodPost, path: "/volumes/" + url.PathEscape(name) + "/rename", query: url.Values{"name": {to}}}, nil)
}

// Update changes a cluster volume, of which a daemon outside of a swarm has none.
func (x Volumes) Update(ctx context.Context, name string, changed bool, availability string) error {
	var v volume.Volume
	if err := x.c.json(ctx, request{method: http.MethodGet, path: "/volumes/" + url.PathEscape(name)}, &v); err != nil {
		return err
	}
	if v.ClusterVolume == nil {
		return errors.New("can only update cluster volumes")
	}
	if changed {
		v.ClusterVolume.Spec.Availability = volume.Availability(availability)
	}
	return x.c.json(ctx, request{method: http.MethodPut, path: "/volumes/" + url.PathEscape(v.ClusterVolume.ID), in: map[string]any{"Spec": v.ClusterVolume.Spec}}, nil)
}

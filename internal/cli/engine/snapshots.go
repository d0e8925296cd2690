package engine

import (
	"context"
	"net/http"
	"net/url"

	"github.com/moby/moby/api/types/volume"
)

// Snapshot is an earlier state of a volume's or a container's files, which only berth has.
type Snapshot struct {
	ID         string
	Name       string
	Volume     string
	Container  string
	CreatedAt  string
	Labels     map[string]string
	Reason     string
	Size       int64
	Entries    int64
	UniqueSize *int64
	Frozen     int64 // nanoseconds
}

// Snapshots are the calls about snapshots of one kind: "volumes" or "containers".
type Snapshots struct {
	c  *Client
	of string
}

// Snapshots returns the calls about the snapshots of "volumes" or "containers".
func (c *Client) Snapshots(of string) Snapshots { return Snapshots{c, of} }

func (x Snapshots) path(ref, rest string) string {
	return "/" + x.of + "/" + url.PathEscape(ref) + rest
}

// Take takes a snapshot.
func (x Snapshots) Take(ctx context.Context, ref, name string, labels map[string]string) (Snapshot, error) {
	var out Snapshot
	in := struct {
		Name   string
		Labels map[string]string
	}{name, labels}
	err := x.c.json(ctx, request{method: http.MethodPost, path: x.path(ref, "/snapshots"), in: in}, &out)
	return out, err
}

// List returns the snapshots that match, of all subjects of the kind, or with ref of one; with size, what each
// has alone.
func (x Snapshots) List(ctx context.Context, ref string, filters map[string][]string, size bool) ([]Snapshot, error) {
	q := url.Values{}
	boolQuery(q, "size", size)
	path := x.path(ref, "/snapshots")
	if ref == "" {
		with := map[string][]string{"type": {x.of[:len(x.of)-1]}}
		for key, values := range filters {
			with[key] = values
		}
		filters, path = with, "/snapshots"
	}
	if err := filterQuery(q, filters); err != nil {
		return nil, err
	}
	var out []Snapshot
	err := x.c.json(ctx, request{method: http.MethodGet, path: path, query: q}, &out)
	return out, err
}

// Raw returns a snapshot as JSON, with what it has alone.
func (x Snapshots) Raw(ctx context.Context, ref, name string) ([]byte, error) {
	return x.c.raw(ctx, request{method: http.MethodGet, path: x.path(ref, "/snapshots/"+url.PathEscape(name)), query: url.Values{"size": {"1"}}})
}

// Remove removes a snapshot.
func (x Snapshots) Remove(ctx context.Context, ref, name string) error {
	return x.c.json(ctx, request{method: http.MethodDelete, path: x.path(ref, "/snapshots/"+url.PathEscape(name))}, nil)
}

// Rollback puts the files back as a snapshot has them, and returns that of what they were.
func (x Snapshots) Rollback(ctx context.Context, ref, name string) (Snapshot, error) {
	var out Snapshot
	err := x.c.json(ctx, request{method: http.MethodPost, path: x.path(ref, "/rollback"), in: map[string]string{"Snapshot": name}}, &out)
	return out, err
}

// CloneRequest is a volume as it is to be made of another, or with Snapshot of that.
type CloneRequest struct {
	Name       string
	Snapshot   string            `json:",omitempty"`
	Labels     map[string]string `json:",omitempty"`
	DriverOpts map[string]string `json:",omitempty"`
}

// Clone makes a volume of another.
func (x Volumes) Clone(ctx context.Context, of string, o CloneRequest) (volume.Volume, error) {
	var out volume.Volume
	err := x.c.json(ctx, request{method: http.MethodPost, path: "/volumes/" + url.PathEscape(of) + "/clone", in: o}, &out)
	return out, err
}

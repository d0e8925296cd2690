package engine

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/moby/moby/api/types/volume"
)

// Backups are the calls that carry volumes out of the engine and into it, which only berth has.
type Backups struct{ c *Client }

// Backups returns them.
func (c *Client) Backups() Backups { return Backups{c} }

// Backup is one that is somewhere.
type Backup struct {
	Tag, Digest, Volume, CreatedAt, Problem string
	Labels                                  map[string]string
	Size, PackedSize, SentSize              int64
	Entries                                 int
}

// Spot is where backups are, and the login to it.
type Spot struct{ Address, Auth string }

func (s Spot) header() http.Header { return http.Header{"X-Registry-Auth": {s.Auth}} }

func (x Backups) stream(ctx context.Context, r request) (io.ReadCloser, error) {
	resp, err := x.c.do(ctx, r)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// Make makes a backup of a volume and returns the progress as a JSON stream, with the Backup in it.
func (x Backups) Make(ctx context.Context, name string, to Spot) (io.ReadCloser, error) {
	return x.stream(ctx, request{method: http.MethodPost, path: "/volumes/" + url.PathEscape(name) + "/backup", query: url.Values{"to": {to.Address}}, header: to.header()})
}

// Restore makes a volume of a backup and returns the progress as a JSON stream, with the Backup in it.
func (x Backups) Restore(ctx context.Context, from Spot, name string, replace bool) (io.ReadCloser, error) {
	q := url.Values{"from": {from.Address}, "name": {name}}
	boolQuery(q, "replace", replace)
	return x.stream(ctx, request{method: http.MethodPost, path: "/backups/restore", query: q, header: from.header()})
}

// List lists the backups in a place.
func (x Backups) List(ctx context.Context, at Spot) (list []Backup, err error) {
	err = x.c.json(ctx, request{method: http.MethodGet, path: "/backups", query: url.Values{"at": {at.Address}}, header: at.header()}, &list)
	return list, err
}

// Prune removes all backups but the last ones of each volume.
func (x Backups) Prune(ctx context.Context, at Spot, keep int) (gone []string, reclaimed int64, err error) {
	var out struct {
		BackupsDeleted []string
		SpaceReclaimed int64
	}
	q := url.Values{"at": {at.Address}, "keep": {strconv.Itoa(keep)}}
	err = x.c.json(ctx, request{method: http.MethodPost, path: "/backups/prune", query: q, header: at.header()}, &out)
	return out.BackupsDeleted, out.SpaceReclaimed, err
}

// Export returns a volume's files as a tar, which the caller closes.
func (x Backups) Export(ctx context.Context, name string) (io.ReadCloser, error) {
	return x.stream(ctx, request{method: http.MethodGet, path: "/volumes/" + url.PathEscape(name) + "/export"})
}

// Import makes a volume of a tar.
func (x Backups) Import(ctx context.Context, name string, tar io.Reader, replace bool) (made volume.Volume, err error) {
	q := url.Values{}
	boolQuery(q, "replace", replace)
	err = x.c.json(ctx, request{
		method: http.MethodPost, path: "/volumes/" + url.PathEscape(name) + "/import", query: q, body: tar,
		header: http.Header{"Content-Type": {"application/x-tar"}},
	}, &made)
	return made, err
}

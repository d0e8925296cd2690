package engine

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/moby/moby/api/types/container"
)

// Files are the calls about the file system of a container.
type Files struct{ c *Client }

func (x Files) path(id, verb string) string { return "/containers/" + url.PathEscape(id) + "/" + verb }

// Stat describes a path in a container; symbolic links are not followed.
func (x Files) Stat(ctx context.Context, id, path string) (container.PathStat, error) {
	resp, err := x.c.do(ctx, request{method: http.MethodHead, path: x.path(id, "archive"), query: url.Values{"path": {path}}})
	if err != nil {
		return container.PathStat{}, err
	}
	defer drain(resp)
	return pathStat(resp)
}

// Get returns a path as a tar stream, with what is known of it. The caller
// closes the stream.
func (x Files) Get(ctx context.Context, id, path string) (io.ReadCloser, container.PathStat, error) {
	resp, err := x.c.do(ctx, request{method: http.MethodGet, path: x.path(id, "archive"), query: url.Values{"path": {path}}})
	if err != nil {
		return nil, container.PathStat{}, err
	}
	stat, err := pathStat(resp)
	if err != nil {
		_ = resp.Body.Close()
		return nil, container.PathStat{}, fmt.Errorf("unable to get resource stat from response: %w", err)
	}
	return resp.Body, stat, nil
}

// Put unpacks a tar stream in a directory of a container. With owners the
// numbers of the tar's users and groups are kept.
func (x Files) Put(ctx context.Context, id, dir string, content io.Reader, owners bool) error {
	// A directory never takes the place of something else, nor the other way round.
	q := url.Values{"path": {dir}, "noOverwriteDirNonDir": {"true"}}
	if owners {
		q.Set("copyUIDGID", "true")
	}
	return x.c.json(ctx, request{
		method: http.MethodPut, path: x.path(id, "archive"), query: q, body: content,
		header: http.Header{"Content-Type": {"application/x-tar"}},
	}, nil)
}

// pathStat reads the header that describes a path.
func pathStat(resp *http.Response) (container.PathStat, error) {
	var stat container.PathStat
	raw, err := base64.StdEncoding.DecodeString(resp.Header.Get("X-Docker-Container-Path-Stat"))
	if err == nil {
		err = json.Unmarshal(raw, &stat)
	}
	if err != nil {
		return container.PathStat{}, fmt.Errorf("unable to decode container path stat header: %w", err)
	}
	return stat, nil
}

// Export returns the whole file system as a tar stream, which the caller closes.
func (x Files) Export(ctx context.Context, id string) (io.ReadCloser, error) {
	resp, err := x.c.do(ctx, request{method: http.MethodGet, path: x.path(id, "export")})
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// Diff lists what a container has changed of its image.
func (x Files) Diff(ctx context.Context, id string) ([]container.FilesystemChange, error) {
	var out []container.FilesystemChange
	err := x.c.json(ctx, request{method: http.MethodGet, path: x.path(id, "changes")}, &out)
	return out, err
}

// CommitOptions describe the image that a commit makes.
type CommitOptions struct {
	Repo, Tag, Comment, Author string
	Changes                    []string
	Pause                      bool
}

// Commit makes an image of a container and returns its ID.
func (x Files) Commit(ctx context.Context, id string, o CommitOptions) (string, error) {
	q := url.Values{"container": {id}, "repo": {o.Repo}, "tag": {o.Tag}, "comment": {o.Comment}, "author": {o.Author}, "changes": o.Changes}
	if !o.Pause {
		q.Set("pause", "0")
	}
	var out container.CommitResponse
	err := x.c.json(ctx, request{method: http.MethodPost, path: "/commit", query: q}, &out)
	return out.ID, err
}

package remote

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"berth/internal/fault"

	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// pushing is the one host that takes what is pushed.
func (r *Repository) pushing() (*session, error) {
	for _, s := range r.hosts {
		if s.may.Has(docker.HostCapabilityPush) {
			return s, nil
		}
	}
	return nil, fault.New(fault.Invalid, "no host is configured for registry %s that takes pushes", r.registry)
}

// Has reports whether the repository has a blob. A registry that does not tell gets the blob offered, and so does one that
// tells of a blob of another size: not everything that answers is a registry.
func (r *Repository) Has(ctx context.Context, d ocispec.Descriptor) (bool, error) {
	s, err := r.pushing()
	if err != nil {
		return false, err
	}
	resp, err := s.ask(ctx, question{method: http.MethodHead, path: "blobs/" + d.Digest.String(), header: accept("*/*")})
	if err != nil {
		return false, err
	}
	resp.Body.Close()
	told := resp.Header.Get("Docker-Content-Digest")
	return resp.StatusCode == http.StatusOK && resp.ContentLength == d.Size && (told == "" || told == d.Digest.String()), nil
}

// Upload is a blob on its way to a registry.
type Upload struct {
	Blob ocispec.Descriptor
	// From are repositories of the same registry that may have the blob: it need not be sent again then.
	From []string
	// Open opens the blob from offset on.
	Open func(offset int64) (io.ReadCloser, error)
	// At is where an earlier upload of the blob went that has not come to its end; "" for nowhere.
	At string
	// Left is told where the upload goes, and "" when nothing is there to go on with.
	Left func(at string)
}

func (u Upload) left(at *url.URL) {
	switch {
	case u.Left == nil:
	case at == nil:
		u.Left("")
	default:
		u.Left(at.String())
	}
}

// Upload sends a blob, or has the registry take it from another repository, whose name is then returned.
// An upload that breaks off goes on where the registry says that it stopped.
func (r *Repository) Upload(ctx context.Context, u Upload) (from string, err error) {
	s, err := r.pushing()
	if err != nil {
		return "", err
	}
	if at, offset := s.found(ctx, u); at != nil {
		return "", s.send(ctx, u, at, offset)
	}
	for _, from := range u.From {
		at, err := s.begin(ctx, u.Blob.Digest, from)
		if err == nil && at == nil {
			return from, nil
		}
		if err == nil {
			return "", s.send(ctx, u, at, 0)
		}
		if ctx.Err() != nil {
			return "", err
		}
	}
	return "", s.send(ctx, u, nil, 0)
}

// found looks whether an earlier upload can go on. Only the registry's own host is asked: where others kept it may be old.
func (s *session) found(ctx context.Context, u Upload) (*url.URL, int64) {
	at, err := url.Parse(u.At)
	if u.At == "" || err != nil || at.Host != s.base.Host || at.Scheme != "http" && at.Scheme != "https" || s.base.Scheme == "https" && at.Scheme != "https" && !s.plain {
		return nil, 0
	}
	return s.taken(ctx, at, u.Blob.Size)
}

// begin starts an upload and returns where it goes, nil when the registry has taken the blob from another repository.
func (s *session) begin(ctx context.Context, d digest.Digest, from string) (*url.URL, error) {
	q := question{method: http.MethodPost, path: "blobs/uploads/", query: url.Values{}, header: http.Header{"Content-Length": {"0"}}}
	if from != "" {
		q.query = url.Values{"mount": {d.String()}, "from": {from}}
		q.more = []string{"repository:" + from + ":pull"}
	}
	resp, err := s.ask(ctx, q)
	if err != nil {
		return nil, err
	}
	switch {
	case resp.StatusCode == http.StatusCreated && from != "":
		resp.Body.Close()
		return nil, nil
	case resp.StatusCode != http.StatusAccepted:
		return nil, refusal(resp)
	}
	resp.Body.Close()
	return location(resp)
}

func location(resp *http.Response) (*url.URL, error) {
	at, err := resp.Request.URL.Parse(resp.Header.Get("Location"))
	if err != nil || resp.Header.Get("Location") == "" || at.Scheme != "http" && at.Scheme != "https" || at.Host == "" {
		return nil, fault.New(fault.Internal, "the registry does not say where an upload goes: %s", fault.Quoted(resp.Header.Get("Location")))
	}
	return at, nil
}

// send sends a blob, from where the registry has it already. What it takes counts as getting on, and only so many
// attempts in a row may bring nothing.
func (s *session) send(ctx context.Context, u Upload, at *url.URL, offset int64) (err error) {
	retry := s.repository.client.cfg.Retry
	for best, attempt := offset, 1; ; attempt++ {
		if at == nil {
			offset = 0
			if at, err = s.begin(ctx, u.Blob.Digest, ""); err != nil {
				return err // it was tried as often as it may be
			}
		}
		u.left(at)
		if at, err = s.patch(ctx, u, at, offset); err == nil {
			u.left(at)
			if err = s.complete(ctx, u.Blob, at); err == nil {
				u.left(nil)
				return nil
			}
			if !passing(err) && ctx.Err() == nil {
				at = nil
			}
		}
		if at == nil {
			u.left(nil)
		}
		if ctx.Err() != nil || !mendable(err) {
			return err
		}
		if at != nil {
			at, offset = s.taken(ctx, at, u.Blob.Size)
		}
		if offset > best {
			best, attempt = offset, 1
		}
		if attempt >= retry.Attempts {
			return err
		}
		select {
		case <-time.After(min(retry.Pause<<min(attempt-1, 20), maxPause)):
		case <-ctx.Done():
			return fault.As(fault.Cancelled, ctx.Err())
		}
	}
}

// mendable reports an error of an upload that a further attempt may mend.
func mendable(err error) bool {
	var e *Error
	if errors.As(err, &e) {
		switch e.Status {
		case http.StatusForbidden, http.StatusRequestEntityTooLarge, http.StatusInsufficientStorage, http.StatusMethodNotAllowed:
			return false
		}
		return true
	}
	return passing(err) || fault.Is(err, fault.Unavailable)
}

// patch sends what is missing. It returns where the upload goes on, also after an error.
func (s *session) patch(ctx context.Context, u Upload, at *url.URL, offset int64) (*url.URL, error) {
	if offset == u.Blob.Size && offset > 0 {
		return at, nil
	}
	body, err := u.Open(offset)
	if err != nil {
		return nil, fault.As(fault.KindOf(err), err)
	}
	defer body.Close()
	header := http.Header{"Content-Type": {"application/octet-stream"}}
	if offset > 0 {
		header.Set("Content-Range", strconv.FormatInt(offset, 10)+"-"+strconv.FormatInt(u.Blob.Size-1, 10))
	}
	resp, err := s.ask(ctx, question{method: http.MethodPatch, at: at, header: header, body: body, size: u.Blob.Size - offset})
	if err != nil {
		return at, err
	}
	switch resp.StatusCode {
	case http.StatusAccepted, http.StatusNoContent, http.StatusCreated:
	case http.StatusNotFound:
		return nil, refusal(resp) // the registry has forgotten it
	default:
		return at, refusal(resp)
	}
	resp.Body.Close()
	next, err := location(resp)
	return next, err
}

// taken asks how much of an upload has arrived. nil means that it has to begin anew.
func (s *session) taken(ctx context.Context, at *url.URL, size int64) (*url.URL, int64) {
	resp, err := s.ask(ctx, question{method: http.MethodGet, at: at})
	if err != nil {
		return nil, 0
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		return nil, 0
	}
	_, last, ok := strings.Cut(strings.TrimPrefix(resp.Header.Get("Range"), "bytes="), "-")
	n, err := strconv.ParseInt(last, 10, 64)
	if !ok || err != nil || n <= 0 || n >= size { // 0-0 is said of nothing too
		return nil, 0
	}
	if next, err := location(resp); err == nil {
		at = next
	}
	return at, n + 1
}

// complete ends an upload. If the answer is lost, the blob itself tells whether it arrived.
func (s *session) complete(ctx context.Context, d ocispec.Descriptor, at *url.URL) error {
	resp, err := s.ask(ctx, question{method: http.MethodPut, at: at, query: url.Values{"digest": {d.Digest.String()}}, header: http.Header{"Content-Type": {"application/octet-stream"}}})
	if err == nil {
		switch resp.StatusCode {
		case http.StatusCreated, http.StatusNoContent, http.StatusOK:
			resp.Body.Close()
			return nil
		}
		err = refusal(resp)
	}
	if has, _ := s.repository.Has(ctx, d); has {
		return nil
	}
	return err
}

// Put stores a manifest or an index, under a tag or its digest.
func (r *Repository) Put(ctx context.Context, ref string, d ocispec.Descriptor, body []byte) error {
	s, err := r.pushing()
	if err != nil {
		return err
	}
	resp, err := s.ask(ctx, question{
		method: http.MethodPut, path: "manifests/" + ref, header: http.Header{"Content-Type": {d.MediaType}}, size: int64(len(body)),
		again: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(string(body))), nil },
	})
	if err != nil {
		return err
	}
	switch resp.StatusCode {
	case http.StatusCreated, http.StatusOK, http.StatusAccepted, http.StatusNoContent:
	default:
		return refusal(resp)
	}
	resp.Body.Close()
	if told, err := digest.Parse(resp.Header.Get("Docker-Content-Digest")); err == nil && told != d.Digest {
		return fault.New(fault.Internal, "the registry has stored %s instead of %s", told, d.Digest)
	}
	return nil
}

package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"berth/internal/fault"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// ManifestLimit is the most that a manifest or an index may take, in bytes.
const ManifestLimit = 4 << 20

// accepted are the kinds of manifests that can be pulled.
const accepted = images.MediaTypeDockerSchema2Manifest + ", " + images.MediaTypeDockerSchema2ManifestList + ", " +
	ocispec.MediaTypeImageManifest + ", " + ocispec.MediaTypeImageIndex + ", */*"

// Resolve asks what a tag or a digest stands for.
func (r *Repository) Resolve(ctx context.Context, ref string) (d ocispec.Descriptor, err error) {
	err = r.each(ctx, docker.HostCapabilityResolve, func(s *session) error {
		d, err = s.resolve(ctx, ref)
		return err
	})
	return d, err
}

func (s *session) resolve(ctx context.Context, ref string) (ocispec.Descriptor, error) {
	resp, err := s.ask(ctx, question{method: http.MethodHead, path: "manifests/" + ref, header: accept(accepted)})
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		d := ocispec.Descriptor{MediaType: mediaType(resp), Digest: digest.Digest(resp.Header.Get("Docker-Content-Digest")), Size: resp.ContentLength}
		if d.Digest.Validate() == nil && d.Size > 0 && d.MediaType != "" {
			return d, checkManifest(d)
		}
	}
	// What a HEAD says of an error is too little, and some registries know no HEAD.
	body, kind, err := s.manifest(ctx, ref)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	algorithm := digest.Canonical
	if d, err := digest.Parse(ref); err == nil {
		algorithm = d.Algorithm()
	}
	d := ocispec.Descriptor{MediaType: kind, Digest: algorithm.FromBytes(body), Size: int64(len(body))}
	return d, checkManifest(d)
}

// checkManifest refuses what cannot be an image before more of it is fetched.
func checkManifest(d ocispec.Descriptor) error {
	switch {
	case d.Size > ManifestLimit:
		return fault.New(fault.Invalid, "rejecting a manifest of %d bytes: more than %d are not allowed", d.Size, ManifestLimit)
	case strings.HasPrefix(d.MediaType, "application/vnd.docker.distribution.manifest.v1"):
		return fault.New(fault.Unsupported, "Docker Image Format v1 and Docker Image manifest version 2, schema 1 support has been removed")
	case !images.IsManifestType(d.MediaType) && !images.IsIndexType(d.MediaType):
		return fault.New(fault.Invalid, "unsupported media type %s of a manifest", fault.Quoted(d.MediaType))
	}
	return nil
}

// Manifest fetches a manifest or an index by its digest, and checks that it is that.
func (r *Repository) Manifest(ctx context.Context, d ocispec.Descriptor) (body []byte, err error) {
	if err := d.Digest.Validate(); err != nil {
		return nil, fault.As(fault.Invalid, err)
	}
	err = r.each(ctx, docker.HostCapabilityPull, func(s *session) error {
		if body, _, err = s.manifest(ctx, d.Digest.String()); err != nil {
			return err
		}
		if d.Digest.Algorithm().FromBytes(body) != d.Digest || d.Size > 0 && d.Size != int64(len(body)) {
			return fault.New(fault.Internal, "manifest verification failed for digest %s", d.Digest)
		}
		return nil
	})
	return body, err
}

// manifest fetches one. A body that breaks off is fetched again, as is one that does not fit the digest which the
// registry itself tells.
func (s *session) manifest(ctx context.Context, ref string) (body []byte, kind string, err error) {
	for range s.retry().Attempts {
		var broken bool
		if body, kind, broken, err = s.manifestOnce(ctx, ref); err == nil || !broken || ctx.Err() != nil {
			return body, kind, err
		}
	}
	return nil, "", err
}

func (s *session) manifestOnce(ctx context.Context, ref string) (body []byte, kind string, broken bool, err error) {
	resp, err := s.ask(ctx, question{method: http.MethodGet, path: "manifests/" + ref, header: accept(accepted)})
	if err != nil {
		return nil, "", false, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, "", false, refusal(resp)
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, ManifestLimit+1))
	switch {
	case err != nil:
		return nil, "", true, fault.Wrap(fault.Unavailable, err, "manifest %s", ref)
	case len(body) > ManifestLimit:
		return nil, "", false, fault.New(fault.Invalid, "rejecting a manifest of more than %d bytes", ManifestLimit)
	}
	for _, told := range []string{resp.Header.Get("Docker-Content-Digest"), ref} {
		if want, err := digest.Parse(told); err == nil && want.Algorithm().FromBytes(body) != want {
			return nil, "", true, fault.New(fault.Internal, "manifest verification failed for digest %s", want)
		}
	}
	return body, mediaType(resp), false, nil
}

// documentLimit is the most that a config may take, in bytes.
const documentLimit = 8 << 20

// Document fetches a manifest, an index or a config, and checks that it is what its descriptor says.
func (r *Repository) Document(ctx context.Context, d ocispec.Descriptor) (body []byte, err error) {
	if images.IsManifestType(d.MediaType) || images.IsIndexType(d.MediaType) {
		return r.Manifest(ctx, d)
	}
	if d.Size > documentLimit || d.Size < 0 {
		return nil, fault.New(fault.Invalid, "rejecting a config of %d bytes: more than %d are not allowed", d.Size, documentLimit)
	}
	for range r.client.cfg.Retry.Attempts {
		var broken bool
		if body, broken, err = r.document(ctx, d); err == nil || !broken || ctx.Err() != nil {
			break
		}
	}
	return body, err
}

func (r *Repository) document(ctx context.Context, d ocispec.Descriptor) (b []byte, broken bool, err error) {
	body, _, err := r.Blob(ctx, d, 0)
	if err != nil {
		return nil, false, err
	}
	defer body.Close()
	b, err = io.ReadAll(io.LimitReader(body, d.Size+1))
	switch {
	case err != nil:
		return nil, true, fault.Wrap(fault.Unavailable, err, "config %s", d.Digest)
	case int64(len(b)) != d.Size || d.Digest.Algorithm().FromBytes(b) != d.Digest:
		return nil, true, fault.New(fault.Internal, "image config verification failed for digest %s", d.Digest)
	}
	return b, false, nil
}

// Blob opens a blob from offset on; got is where the stream really begins: 0 when the registry knows no ranges.
func (r *Repository) Blob(ctx context.Context, d ocispec.Descriptor, offset int64) (body io.ReadCloser, got int64, err error) {
	err = r.each(ctx, docker.HostCapabilityPull, func(s *session) error {
		body, got, err = s.blob(ctx, d, offset)
		return err
	})
	return body, got, err
}

func (s *session) blob(ctx context.Context, d ocispec.Descriptor, offset int64) (io.ReadCloser, int64, error) {
	header := accept("*/*")
	if offset > 0 {
		header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
	}
	resp, err := s.ask(ctx, question{method: http.MethodGet, path: "blobs/" + d.Digest.String(), header: header})
	if err != nil {
		return nil, 0, err
	}
	switch {
	case resp.StatusCode == http.StatusPartialContent && strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", offset)):
		return resp.Body, offset, nil
	case resp.StatusCode == http.StatusOK:
		return resp.Body, 0, nil
	case offset > 0 && (resp.StatusCode == http.StatusRequestedRangeNotSatisfiable || resp.StatusCode == http.StatusPartialContent):
		resp.Body.Close()
		return s.blob(ctx, d, 0)
	}
	return nil, 0, refusal(resp)
}

// tagsLimit is how many tags of one repository are read.
const tagsLimit = 100_000

// Tags lists the tags of the repository.
func (r *Repository) Tags(ctx context.Context) (tags []string, err error) {
	err = r.each(ctx, docker.HostCapabilityResolve, func(s *session) error {
		tags, err = s.tags(ctx)
		return err
	})
	return tags, err
}

func (s *session) tags(ctx context.Context) ([]string, error) {
	var all []string
	q := question{method: http.MethodGet, path: "tags/list", header: accept("application/json")}
	for {
		resp, err := s.ask(ctx, q)
		if err != nil {
			return nil, err
		}
		if resp.StatusCode != http.StatusOK {
			return nil, refusal(resp)
		}
		var page struct{ Tags []string }
		err = json.NewDecoder(io.LimitReader(resp.Body, ManifestLimit)).Decode(&page)
		resp.Body.Close()
		if err != nil {
			return nil, fault.Wrap(fault.Internal, err, "the list of tags")
		}
		all = append(all, page.Tags...)
		next := nextPage(resp)
		if next == nil || next.Host != s.base.Host {
			return all, nil
		}
		if len(all) > tagsLimit || len(page.Tags) == 0 {
			return nil, errors.New("the list of tags does not end")
		}
		q.at = next
	}
}

// nextPage is where the next part of a list is (RFC 8288), nil at its end.
func nextPage(resp *http.Response) *url.URL {
	for _, link := range resp.Header.Values("Link") {
		target, rel, _ := strings.Cut(link, ";")
		target = strings.TrimSpace(target)
		if strings.Contains(rel, "next") && strings.HasPrefix(target, "<") && strings.HasSuffix(target, ">") {
			if u, err := resp.Request.URL.Parse(target[1 : len(target)-1]); err == nil {
				return u
			}
		}
	}
	return nil
}

func accept(kinds string) http.Header { return http.Header{"Accept": {kinds}} }

func mediaType(resp *http.Response) string {
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return kind
}

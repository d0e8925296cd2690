package registry

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"berth/internal/registry/grammar"
	"berth/internal/registry/refusal"

	"github.com/opencontainers/go-digest"
)

const (
	// manifestLimit is the largest manifest; the specification has every
	// registry take as much.
	manifestLimit = 4 << 20
	// tagLimit is how many tags one push may give a manifest.
	tagLimit = 100
)

func (f reads) getManifest(w http.ResponseWriter, r request) error {
	ref, err := grammar.ParseReference(r.Rest)
	if err != nil {
		return unknownTag(r, err)
	}
	m, err := f.content.Manifest(r.Context(), r.Repo, ref)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Docker-Content-Digest", m.Digest.String())
	etag := `"` + m.Digest.String() + `"`
	h.Set("ETag", etag)
	if slices.Contains(strings.Split(strings.ReplaceAll(r.Header.Get("If-None-Match"), " ", ""), ","), etag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	writeBody(w, http.StatusOK, m.MediaType, m.Body)
	return nil
}

// unknownTag makes of a reference that is no tag one that is not there, for
// those who only look: clients ask for what users have typed.
func unknownTag(r request, err error) error {
	if refusal.Is(err, refusal.TagInvalid) {
		return refusal.New(refusal.ManifestUnknown, "%s has no such manifest: %v", r.Repo, err)
	}
	return err
}

func (c changes) putManifest(w http.ResponseWriter, r request) error {
	p, err := readPush(r)
	if err != nil {
		return err
	}
	if err := c.to.PutManifest(r.Context(), r.Repo, p); err != nil {
		return err
	}
	if p.Links.Subject != "" {
		w.Header().Set("OCI-Subject", p.Links.Subject.String())
	}
	for _, tag := range p.Tags {
		w.Header().Add("OCI-Tag", tag)
	}
	created(w, r, "manifests", p.Digest)
	return nil
}

// readPush reads a manifest that is pushed: by its tag, or by its digest with
// any number of tags beside it in the query.
func readPush(r request) (p Push, err error) {
	ref, err := grammar.ParseReference(r.Rest)
	if err != nil {
		return p, err
	}
	if p.Tags, err = tagsOf(r, ref); err != nil {
		return p, err
	}
	if p.Body, err = readManifest(r); err != nil {
		return p, err
	}
	algorithm := digest.SHA256
	if ref.Digest != "" {
		algorithm = ref.Digest.Algorithm()
	}
	p.Digest = algorithm.FromBytes(p.Body)
	if ref.Digest != "" && p.Digest != ref.Digest {
		return p, refusal.New(refusal.DigestInvalid, "The manifest has the digest %s, and not %s", p.Digest, ref.Digest)
	}
	p.Links, err = grammar.ReadLinks(r.Header.Get("Content-Type"), p.Body)
	return p, err
}

func tagsOf(r request, ref grammar.Reference) ([]string, error) {
	var tags []string
	if ref.Tag != "" {
		tags = append(tags, ref.Tag)
	}
	for _, given := range r.URL.Query()["tag"] {
		tag, err := grammar.Tag(given)
		if err != nil {
			return nil, err
		}
		tags = append(tags, tag)
	}
	if len(tags) > tagLimit {
		e := refusal.New(refusal.TagInvalid, "A push gives a manifest up to %d tags", tagLimit)
		e.Status = http.StatusRequestURITooLong
		return nil, e
	}
	return tags, nil
}

func readManifest(r request) ([]byte, error) {
	tooLarge := refusal.New(refusal.SizeInvalid, "A manifest has up to %d bytes", manifestLimit)
	tooLarge.Status = http.StatusRequestEntityTooLarge
	if r.ContentLength > manifestLimit {
		return nil, tooLarge
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, manifestLimit))
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		return nil, tooLarge
	}
	if err != nil {
		return nil, refusal.New(refusal.ManifestInvalid, "The manifest broke off: %v", err)
	}
	return body, nil
}

func (c changes) deleteManifest(w http.ResponseWriter, r request) error {
	ref, err := grammar.ParseReference(r.Rest)
	if err != nil {
		return err
	}
	if ref.Tag != "" {
		err = c.to.DeleteTag(r.Context(), r.Repo, ref.Tag)
	} else {
		err = c.to.DeleteManifest(r.Context(), r.Repo, ref.Digest)
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}

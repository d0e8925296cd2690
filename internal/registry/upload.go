package registry

import (
	"errors"
	"net/http"

	"berth/internal/registry/grammar"
	"berth/internal/registry/refusal"

	"github.com/opencontainers/go-digest"
)

// begin starts an upload: by itself, with all of the content, or as a mount that
// turns into an upload where it cannot be done.
func (p pushes) begin(w http.ResponseWriter, r request) error {
	q := r.URL.Query()
	if q.Has("mount") {
		d, err := grammar.Digest(q.Get("mount"))
		if err != nil {
			return err
		}
		done, err := p.mount(r, d, q.Get("from"))
		if err != nil {
			return err
		}
		if done {
			created(w, r, "blobs", d)
			return nil
		}
	}
	var whole digest.Digest
	if q.Has("digest") {
		var err error
		if whole, err = grammar.Digest(q.Get("digest")); err != nil {
			return err
		}
	}
	if err := algorithmKnown(q.Get("digest-algorithm")); err != nil {
		return err
	}
	u, err := p.intake.Begin(r.Context(), r.Repo)
	if err != nil {
		return err
	}
	defer u.Close()
	if whole != "" {
		err := p.complete(w, r, u, whole)
		if err != nil {
			err = errors.Join(err, u.Cancel()) // nobody was told its name
		}
		return err
	}
	drain(r.Request)
	accepted(w, r, u, http.StatusAccepted)
	return nil
}

// mount reports whether the repository has the blob now. Not being allowed to
// read the other repository, and its not having the blob, look the same.
func (p pushes) mount(r request, d digest.Digest, from string) (bool, error) {
	if from == "" {
		if !p.guard.open() {
			return false, nil // it would tell of content in repositories that may not be read
		}
	} else {
		if _, err := grammar.Repository(from); err != nil {
			return false, nil
		}
		err := p.guard.check(r.Request, Need{Repo: from, Right: Pull}, Need{Repo: r.Repo, Right: Pull}, Need{Repo: r.Repo, Right: Store})
		if refusal.Is(err, refusal.Unauthorized) {
			return false, err // a token for both repositories can be had
		}
		if err != nil {
			return false, nil
		}
	}
	err := p.intake.Mount(r.Context(), r.Repo, from, d)
	if refusal.Is(err, refusal.BlobUnknown, refusal.NameUnknown) {
		return false, nil
	}
	return err == nil, err
}

func algorithmKnown(name string) error {
	if name == "" || name == digest.SHA256.String() || name == digest.SHA512.String() {
		return nil
	}
	return refusal.New(refusal.DigestInvalid, "Digests are by sha256 or sha512")
}

// upload takes up the upload that a path names.
func (p pushes) upload(r request) (Upload, error) {
	id, err := grammar.UploadID(r.Rest)
	if err != nil {
		return nil, err
	}
	return p.intake.Resume(r.Context(), r.Repo, id)
}

func (p pushes) status(w http.ResponseWriter, r request) error {
	u, err := p.upload(r)
	if err != nil {
		return err
	}
	defer u.Close()
	accepted(w, r, u, http.StatusNoContent)
	return nil
}

func (p pushes) patch(w http.ResponseWriter, r request) error {
	u, err := p.upload(r)
	if err != nil {
		return err
	}
	defer u.Close()
	if err := p.append(r, u, digest.SHA256); err != nil {
		return err
	}
	accepted(w, r, u, http.StatusAccepted)
	return nil
}

// append takes a chunk in. One that does not go on where the upload ends is
// refused with where that is.
func (p pushes) append(r request, u Upload, algorithm digest.Algorithm) error {
	c, err := grammar.ParseChunk(r.Header.Get("Content-Range"), r.ContentLength)
	if err != nil {
		return err
	}
	if c.Start >= 0 && c.Start != u.Size() {
		e := refusal.New(refusal.RangeInvalid, "The upload has %d bytes, and the chunk begins at %d", u.Size(), c.Start)
		e.Header = progress(r.Repo, u)
		return e
	}
	before := u.Size()
	body := r.Body
	if c.Length >= 0 {
		body = http.MaxBytesReader(nil, r.Body, c.Length)
	}
	if err := u.Append(body, algorithm); err != nil {
		return err
	}
	if c.Length >= 0 && u.Size()-before != c.Length {
		return refusal.New(refusal.SizeInvalid, "The chunk was to have %d bytes and had %d", c.Length, u.Size()-before)
	}
	return nil
}

// finish takes the last chunk, or none, or all of the content, and ends the upload.
func (p pushes) finish(w http.ResponseWriter, r request) error {
	d, err := grammar.Digest(r.URL.Query().Get("digest"))
	if err != nil {
		return err
	}
	u, err := p.upload(r)
	if err != nil {
		return err
	}
	defer u.Close()
	return p.complete(w, r, u, d)
}

func (p pushes) complete(w http.ResponseWriter, r request, u Upload, d digest.Digest) error {
	if err := p.append(r, u, d.Algorithm()); err != nil {
		return err
	}
	if err := u.Commit(d); err != nil {
		return err
	}
	created(w, r, "blobs", d)
	return nil
}

func (p pushes) cancel(w http.ResponseWriter, r request) error {
	u, err := p.upload(r)
	if err != nil {
		return err
	}
	defer u.Close()
	if err := u.Cancel(); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// progress are the headers that say how far an upload is.
func progress(repo string, u Upload) http.Header {
	return http.Header{
		"Location":           {"/v2/" + repo + "/blobs/uploads/" + u.ID()},
		"Range":              {grammar.Received(u.Size())},
		"Docker-Upload-Uuid": {u.ID()},
	}
}

func accepted(w http.ResponseWriter, r request, u Upload, status int) {
	for k, v := range progress(r.Repo, u) {
		w.Header()[k] = v
	}
	if status != http.StatusNoContent {
		w.Header().Set("Content-Length", "0")
	}
	w.WriteHeader(status)
}

// created says where something is now. Locations have no host: whatever stands
// before the registry, the client knows how it came here.
func created(w http.ResponseWriter, r request, what string, d digest.Digest) {
	w.Header().Set("Location", "/v2/"+r.Repo+"/"+what+"/"+d.String())
	w.Header().Set("Docker-Content-Digest", d.String())
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusCreated)
}

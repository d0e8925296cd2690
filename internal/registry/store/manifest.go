package store

import (
	"context"
	"encoding/json"
	"errors"
	"path"

	"berth/internal/registry"
	"berth/internal/registry/grammar"
	"berth/internal/registry/refusal"

	"github.com/opencontainers/go-digest"
)

// PutManifest takes a manifest, and gives it its tags. The order of the writes
// is what makes each of them safe: see the package's comment.
func (s *Store) PutManifest(_ context.Context, repo string, p registry.Push) error {
	lock := s.repos.get(repo)
	lock.Lock()
	defer lock.Unlock()
	if err := s.complete(repo, p.Links); err != nil {
		return err
	}
	if err := s.unmark(repo, p.Digest); err != nil {
		return err
	}
	if err := s.keep(repo, p); err != nil {
		return err
	}
	if p.Links.Subject != "" {
		entry, err := json.Marshal(p.Descriptor())
		if err != nil {
			return err
		}
		if err := s.place(referrerPath(repo, p.Links.Subject, p.Digest), entry); err != nil {
			return err
		}
	}
	for _, tag := range p.Tags {
		if err := s.place(repoPath(repo, "_tags/"+tag), []byte(p.Digest)); err != nil {
			return err
		}
	}
	return nil
}

// complete refuses a manifest whose parts the repository has not got, with all of them.
func (s *Store) complete(repo string, l grammar.Links) error {
	if s.options.Sparse {
		return nil
	}
	var lacks []digest.Digest
	look := func(what string, list []digest.Digest) error {
		for _, d := range list {
			_, err := s.root.Stat(linkPath(repo, what, d))
			if gone(err) != nil {
				return err
			}
			if err != nil {
				lacks = append(lacks, d)
			}
		}
		return nil
	}
	if err := errors.Join(look("_blobs", l.Blobs), look("_manifests", l.Manifests)); err != nil || len(lacks) == 0 {
		return err
	}
	e := refusal.New(refusal.ManifestBlobUnknown, "%s has not got what the manifest names: %s", repo, lacks[0])
	e.Detail = map[string]any{"digests": lacks}
	return e
}

// keep writes a manifest's content and its link.
func (s *Store) keep(repo string, p registry.Push) error {
	lock := s.content.get(p.Digest.String())
	lock.Lock()
	defer lock.Unlock()
	err := s.keepLocked(repo, p)
	if err != nil {
		s.usage.recount(repo)
	}
	return err
}

func (s *Store) keepLocked(repo string, p registry.Push) error {
	link := linkPath(repo, "_manifests", p.Digest)
	if err := s.usage.charge(repo, link, int64(len(p.Body))); err != nil {
		return err
	}
	s.leases.touch(p.Digest.String())
	info, err := s.root.Stat(blobPath(p.Digest))
	switch {
	case gone(err) != nil:
		return err
	case err != nil || info.Size() != int64(len(p.Body)):
		err = s.place(blobPath(p.Digest), p.Body)
	default:
		err = s.sync(path.Dir(blobPath(p.Digest))) // as in adopt
	}
	if err != nil {
		return err
	}
	return s.place(link, []byte(p.Links.MediaType))
}

func referrerPath(repo string, subject, d digest.Digest) string {
	return linkPath(repo, "_referrers", subject) + "/" + d.Algorithm().String() + "-" + d.Encoded()
}

// DeleteManifest removes a manifest, the tags that name it first.
func (s *Store) DeleteManifest(_ context.Context, repo string, d digest.Digest) error {
	lock := s.repos.get(repo)
	lock.Lock()
	defer lock.Unlock()
	return removeManifest(s, repo, d)
}

// removeManifest is DeleteManifest under the repository's lock.
func removeManifest(s *Store, repo string, d digest.Digest) error {
	link := linkPath(repo, "_manifests", d)
	kind, err := s.root.ReadFile(link)
	if err != nil {
		return missing(err, refusal.ManifestUnknown, "%s has no manifest %s", repo, d)
	}
	tags, err := s.names(repoPath(repo, "_tags"))
	if err != nil {
		return err
	}
	for _, tag := range tags {
		if named, err := s.tagged(repo, tag); err == nil && named == d {
			if err := s.remove(repoPath(repo, "_tags/"+tag)); err != nil {
				return err
			}
		}
	}
	// A content that a scrub has taken away has no subject that could be read.
	if body, err := s.read(d); err == nil {
		if l, err := grammar.ReadLinks(string(kind), body); err == nil && l.Subject != "" {
			if err := gone(s.remove(referrerPath(repo, l.Subject, d))); err != nil {
				return err
			}
		}
	}
	return errors.Join(s.unlink(repo, "_manifests", d), s.unmark(repo, d))
}

// DeleteTag removes a tag, and leaves its manifest.
func (s *Store) DeleteTag(_ context.Context, repo, tag string) error {
	lock := s.repos.get(repo)
	lock.Lock()
	defer lock.Unlock()
	return missing(s.remove(repoPath(repo, "_tags/"+tag)), refusal.ManifestUnknown, "%s has no tag %s", repo, tag)
}

package store

import (
	"context"
	"errors"
	"os"
	"path"

	"berth/internal/registry"
	"berth/internal/registry/refusal"

	"github.com/opencontainers/go-digest"
)

// Blob opens a blob of a repository, and promises that it stays for a while:
// whoever is told that it is there will not send it.
func (s *Store) Blob(_ context.Context, repo string, d digest.Digest) (registry.Blob, error) {
	if err := s.lease(repo, d); err != nil {
		return registry.Blob{}, missing(err, refusal.BlobUnknown, "%s has no blob %s", repo, d)
	}
	f, size, err := s.open(d)
	if err != nil {
		return registry.Blob{}, missing(err, refusal.BlobUnknown, "%s has no blob %s any more: it was found damaged", repo, d)
	}
	return registry.Blob{Content: f, Size: size}, nil
}

// lease looks for a link and renews its promise, with no sweep in between.
func (s *Store) lease(repo string, d digest.Digest) error {
	lock := s.repos.get(repo)
	lock.RLock()
	defer lock.RUnlock()
	link := linkPath(repo, "_blobs", d)
	if _, err := s.root.Stat(link); err != nil {
		return err
	}
	if s.options.ReadOnly || !s.leases.renew(link, s.options.Grace) {
		return nil // nothing is swept of what is only read
	}
	return s.touch(link)
}

// open opens a blob's content.
func (s disk) open(d digest.Digest) (*os.File, int64, error) {
	f, err := s.root.Open(blobPath(d))
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

// adopt gives a synced file the name of its digest and the repository a link to
// it. Where the blob is there already, the file stays where it is.
func (s *Store) adopt(repo string, d digest.Digest, size int64, file string) error {
	defer s.holding(repo, d)()
	info, err := s.root.Stat(blobPath(d))
	if gone(err) != nil {
		return err
	}
	if err != nil || info.Size() != size {
		err = s.rename(file, blobPath(d))
	} else {
		// Whoever brought it may have been killed before its name was durable.
		err = s.sync(path.Dir(blobPath(d)))
	}
	if err != nil {
		return full(err)
	}
	return s.link(repo, d, size)
}

// holding keeps sweeps from a repository's links and from a blob, and returns
// what lets them go on.
func (s *Store) holding(repo string, d digest.Digest) (release func()) {
	links, content := s.repos.get(repo), s.content.get(d.String())
	links.RLock()
	content.Lock()
	return func() {
		content.Unlock()
		links.RUnlock()
	}
}

// link makes a blob one of the repository's. The caller is holding both: no sweep
// takes the blob between its look and the link, or the link while it is renewed.
func (s *Store) link(repo string, d digest.Digest, size int64) error {
	name := linkPath(repo, "_blobs", d)
	if err := s.usage.charge(repo, name, size); err != nil {
		return err
	}
	s.leases.renew(name, s.options.Grace)
	if err := s.mark(name); err != nil {
		s.usage.recount(repo)
		return err
	}
	// After the link, not before: a sweep that begins between the two would neither
	// hear of the link nor meet it.
	s.leases.touch(d.String())
	return nil
}

// Mount gives a repository a blob that another has; with from "" one that any has.
func (s *Store) Mount(_ context.Context, repo, from string, d digest.Digest) error {
	if from != "" {
		if err := s.lease(from, d); err != nil {
			return missing(err, refusal.BlobUnknown, "%s has no blob %s", from, d)
		}
	}
	defer s.holding(repo, d)()
	info, err := s.root.Stat(blobPath(d))
	if err != nil {
		return missing(err, refusal.BlobUnknown, "There is no blob %s", d)
	}
	return s.link(repo, d, info.Size())
}

// DeleteBlob takes a blob from a repository. Its bytes go with the next sweep,
// if no other has it.
func (s *Store) DeleteBlob(_ context.Context, repo string, d digest.Digest) error {
	lock := s.repos.get(repo)
	lock.Lock()
	defer lock.Unlock()
	if err := s.unlink(repo, "_blobs", d); err != nil {
		return missing(err, refusal.BlobUnknown, "%s has no blob %s", repo, d)
	}
	return nil
}

// unlink removes a link and what the repository is charged for it.
func (s *Store) unlink(repo, what string, d digest.Digest) error {
	if err := s.remove(linkPath(repo, what, d)); err != nil {
		return err
	}
	s.usage.refund(repo, d)
	return nil
}

package store

import (
	"context"
	"io/fs"
	"time"

	"berth/internal/registry/grammar"

	"github.com/opencontainers/go-digest"
)

// Swept is what a sweep has removed.
type Swept struct {
	Links int   // of repositories to blobs that none of their manifests names
	Blobs int   // that no repository has
	Bytes int64 // which those had
}

// Sweep removes what nobody can reach, while pushes go on.
//
// First it looks through each repository, under its lock for as long as it takes
// to look at names: a link to a blob goes when no manifest of the repository names
// the blob and its promise has ended. A push of a manifest takes the same lock and
// looks for its blobs under it, so it comes before and its manifest counts, or after
// and finds what has stayed. Then it looks through the blobs: one goes when the first
// part met no link to it, when it is old, and when nothing got a link to it since
// this began, which every link says under the digest's lock. A link is made under the
// repository's lock too, which links share.
func (s *Store) Sweep(ctx context.Context) (Swept, error) {
	s.sweep.Lock()
	defer s.sweep.Unlock()
	s.leases.begin()
	defer s.leases.end()
	w := &sweeper{store: s, began: time.Now(), named: map[digest.Digest]bool{}}
	err := s.eachRepo("", func(repo string) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return w.repository(repo)
	})
	if err == nil {
		err = s.eachBlob(func(d digest.Digest, info fs.FileInfo) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return w.blob(d, info)
		})
	}
	return w.swept, err
}

// sweeper is one sweep.
type sweeper struct {
	store *Store
	began time.Time
	named map[digest.Digest]bool // content that some repository has a link to
	swept Swept
}

func (w *sweeper) repository(repo string) error {
	// Manifests are read before the lock is taken: what a digest names never changes.
	parts := map[digest.Digest]grammar.Links{}
	if _, err := w.manifests(repo, parts); err != nil {
		return err
	}
	lock := w.store.repos.get(repo)
	lock.Lock()
	defer lock.Unlock()
	// And now those that came since.
	unread, err := w.manifests(repo, parts)
	if err != nil {
		return err
	}
	reached := map[digest.Digest]bool{}
	for d, l := range parts {
		w.named[d] = true
		for _, list := range [][]digest.Digest{l.Blobs, l.Elsewhere} {
			for _, blob := range list {
				reached[blob] = true
			}
		}
	}
	blobs, err := w.store.linked(repo, "_blobs")
	if err != nil {
		return err
	}
	for _, d := range blobs {
		if err := w.link(repo, d, unread || reached[d]); err != nil {
			return err
		}
	}
	return nil
}

// manifests reads those of a repository that are not in parts yet, and takes
// those out that have gone. Of one that cannot be read nobody knows what it names:
// with it, the repository keeps everything.
func (w *sweeper) manifests(repo string, parts map[digest.Digest]grammar.Links) (unread bool, err error) {
	list, err := w.store.linked(repo, "_manifests")
	if err != nil {
		return false, err
	}
	there := map[digest.Digest]bool{}
	for _, d := range list {
		there[d] = true
		if _, ok := parts[d]; ok {
			continue
		}
		m, err := w.store.manifest(repo, grammar.Reference{Digest: d})
		if err == nil {
			parts[d], err = grammar.ReadLinks(m.MediaType, m.Body)
		}
		if err != nil {
			unread = true
			w.named[d] = true
			delete(parts, d)
		}
	}
	for d := range parts {
		if !there[d] {
			delete(parts, d)
		}
	}
	return unread, nil
}

// link keeps a repository's link to a blob, or removes it.
func (w *sweeper) link(repo string, d digest.Digest, reached bool) error {
	name := linkPath(repo, "_blobs", d)
	if !reached && !w.store.leases.held(name) {
		info, err := w.store.root.Stat(name)
		if err != nil {
			return gone(err)
		}
		if w.expired(info) {
			w.swept.Links++
			return w.store.unlink(repo, "_blobs", d)
		}
	}
	w.named[d] = true
	return nil
}

// expired reports a file that is old by the host's clock; one from the future is not.
func (w *sweeper) expired(info fs.FileInfo) bool {
	return w.began.Sub(info.ModTime()) > w.store.options.Grace
}

func (w *sweeper) blob(d digest.Digest, info fs.FileInfo) error {
	if w.named[d] || !w.expired(info) {
		return nil
	}
	lock := w.store.content.get(d.String())
	lock.Lock()
	defer lock.Unlock()
	if w.store.leases.wasTouched(d.String()) {
		return nil
	}
	if err := w.store.root.Remove(blobPath(d)); err != nil {
		return gone(err)
	}
	w.swept.Blobs++
	w.swept.Bytes += info.Size()
	return nil
}

// eachBlob walks the blobs.
func (s disk) eachBlob(do func(d digest.Digest, info fs.FileInfo) error) error {
	for _, a := range []digest.Algorithm{digest.SHA256, digest.SHA512} {
		shelves, err := s.names("blobs/" + a.String())
		if err != nil {
			return err
		}
		for _, shelf := range shelves {
			if err := s.eachOn(a, shelf, do); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s disk) eachOn(a digest.Algorithm, shelf string, do func(d digest.Digest, info fs.FileInfo) error) error {
	entries, err := s.entries("blobs/" + a.String() + "/" + shelf)
	if err != nil {
		return err
	}
	for _, e := range entries {
		d, err := grammar.Digest(a.String() + ":" + e.Name())
		if err != nil {
			continue // none of ours
		}
		info, err := e.Info()
		if gone(err) != nil {
			return err
		}
		if err == nil {
			if err := do(d, info); err != nil {
				return err
			}
		}
	}
	return nil
}

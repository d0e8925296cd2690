package store

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"time"

	"berth/internal/registry/grammar"

	"github.com/opencontainers/go-digest"
)

// RemoveUntagged removes the manifests that no tag leads to and that none led to when it was called before a time,
// and returns how many. A manifest that is met without a tag is marked, and goes when its mark is older than that; a
// tag, and a push of the manifest, take the mark away. What the manifests had is left to the sweep.
func (s *Store) RemoveUntagged(ctx context.Context, before time.Time) (removed int, err error) {
	s.sweep.Lock()
	defer s.sweep.Unlock()
	err = s.eachRepo("", func(repo string) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := removeUntagged(s, repo, before)
		removed += n
		return err
	})
	return removed, err
}

func removeUntagged(s *Store, repo string, before time.Time) (removed int, err error) {
	// As in the sweep: most is read before the lock is taken.
	w := &sweeper{store: s, named: map[digest.Digest]bool{}}
	parts := map[digest.Digest]grammar.Links{}
	if _, err := w.manifests(repo, parts); err != nil {
		return 0, err
	}
	lock := s.repos.get(repo)
	lock.Lock()
	defer lock.Unlock()
	unread, err := w.manifests(repo, parts)
	if err != nil || unread {
		return 0, err // of what cannot be read nobody knows where it leads
	}
	tags, err := s.names(repoPath(repo, "_tags"))
	if err != nil {
		return 0, err
	}
	var tagged []digest.Digest
	for _, tag := range tags {
		d, err := s.tagged(repo, tag)
		if err != nil {
			return 0, err
		}
		tagged = append(tagged, d)
	}
	lost := unreached(parts, tagged)
	for d := range parts {
		if _, isLost := slices.BinarySearch(lost, d); !isLost {
			if err := s.unmark(repo, d); err != nil {
				return removed, err
			}
		}
	}
	for _, d := range lost {
		old, err := s.markedBefore(repo, d, before)
		if err == nil && old {
			err = removeManifest(s, repo, d)
			removed++
		}
		if err != nil {
			return removed, err
		}
	}
	return removed, nil
}

// unreached are the manifests that nothing tagged leads to, sorted. An index leads to its manifests, a
// manifest to those that are about it, and these to it.
func unreached(parts map[digest.Digest]grammar.Links, tagged []digest.Digest) []digest.Digest {
	leads := map[digest.Digest][]digest.Digest{}
	for d, l := range parts {
		leads[d] = append(leads[d], l.Manifests...)
		if l.Subject != "" {
			leads[d] = append(leads[d], l.Subject)
			leads[l.Subject] = append(leads[l.Subject], d)
		}
	}
	reached := map[digest.Digest]bool{}
	for todo := slices.Clone(tagged); len(todo) > 0; {
		d := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if !reached[d] {
			reached[d] = true
			todo = append(todo, leads[d]...)
		}
	}
	return slices.Sorted(func(yield func(digest.Digest) bool) {
		for d := range maps.Keys(parts) {
			if !reached[d] && !yield(d) {
				return
			}
		}
	})
}

// markedBefore reports that a manifest was met without a tag before a time, and marks it if it is the first time.
func (s disk) markedBefore(repo string, d digest.Digest, before time.Time) (bool, error) {
	name := linkPath(repo, "_untagged", d)
	info, err := s.root.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, s.mark(name)
	}
	if err != nil {
		return false, err
	}
	return info.ModTime().Before(before), nil
}

// unmark takes the mark of a manifest away. The caller holds the repository's lock.
func (s disk) unmark(repo string, d digest.Digest) error {
	return gone(s.root.Remove(linkPath(repo, "_untagged", d)))
}

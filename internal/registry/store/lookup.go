package store

import (
	"context"
	"encoding/json"
	"io"
	"strings"

	"berth/internal/registry"
	"berth/internal/registry/grammar"
	"berth/internal/registry/refusal"

	"github.com/opencontainers/go-digest"
)

// lookup is what can be read without a lock: names come and go whole.
type lookup struct{ disk }

// Manifest reads a manifest of a repository.
func (s lookup) Manifest(_ context.Context, repo string, ref grammar.Reference) (registry.Manifest, error) {
	m, err := s.manifest(repo, ref)
	return m, missing(err, refusal.ManifestUnknown, "%s has no manifest %s", repo, ref)
}

func (s disk) manifest(repo string, ref grammar.Reference) (m registry.Manifest, err error) {
	m.Digest = ref.Digest
	if ref.Tag != "" {
		if m.Digest, err = s.tagged(repo, ref.Tag); err != nil {
			return m, err
		}
	}
	kind, err := s.root.ReadFile(linkPath(repo, "_manifests", m.Digest))
	if err != nil {
		return m, err
	}
	m.MediaType = string(kind)
	m.Body, err = s.read(m.Digest)
	return m, err
}

func (s disk) tagged(repo, tag string) (digest.Digest, error) {
	b, err := s.root.ReadFile(repoPath(repo, "_tags/"+tag))
	if err != nil {
		return "", err
	}
	return grammar.Digest(string(b))
}

// read reads a manifest's content.
func (s disk) read(d digest.Digest) ([]byte, error) {
	f, size, err := s.open(d)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	body := make([]byte, size)
	_, err = io.ReadFull(f, body)
	return body, err
}

// Referrers are the descriptors of a repository's manifests with a subject.
func (s lookup) Referrers(_ context.Context, repo string, subject digest.Digest) ([]grammar.Descriptor, error) {
	dir := linkPath(repo, "_referrers", subject)
	names, err := s.names(dir)
	if err != nil {
		return nil, err
	}
	found := make([]grammar.Descriptor, 0, len(names))
	for _, name := range names {
		b, err := s.root.ReadFile(dir + "/" + name)
		if gone(err) != nil {
			return nil, err
		}
		if err != nil {
			continue // removed since
		}
		var d grammar.Descriptor
		if err := json.Unmarshal(b, &d); err != nil {
			return nil, err
		}
		found = append(found, d)
	}
	return found, nil
}

// Tags are a repository's, sorted.
func (s lookup) Tags(_ context.Context, repo string) ([]string, error) {
	if _, err := s.root.Stat(repoPath(repo, "_manifests")); err != nil {
		return nil, missing(err, refusal.NameUnknown, "There is no repository %s", repo)
	}
	return s.names(repoPath(repo, "_tags"))
}

// Repositories are those with a manifest, sorted.
func (s lookup) Repositories(context.Context) ([]string, error) {
	var found []string
	err := s.eachRepo("", func(repo string) error {
		held, err := s.linked(repo, "_manifests")
		if len(held) > 0 {
			found = append(found, repo)
		}
		return err
	})
	return sorted(found), err
}

// eachRepo walks the repositories below a name.
func (s disk) eachRepo(name string, do func(repo string) error) error {
	entries, err := s.entries(strings.TrimSuffix("repos/"+name, "/"))
	if err != nil {
		return err
	}
	isRepo := false
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "_") {
			isRepo = true
			continue
		}
		if !e.IsDir() {
			continue
		}
		if err := s.eachRepo(strings.TrimPrefix(name+"/"+e.Name(), "/"), do); err != nil {
			return err
		}
	}
	if isRepo {
		return do(name)
	}
	return nil
}

// linked are the digests that a repository has links to.
func (s disk) linked(repo, what string) ([]digest.Digest, error) {
	var found []digest.Digest
	for _, a := range []digest.Algorithm{digest.SHA256, digest.SHA512} {
		names, err := s.names(repoPath(repo, what) + "/" + a.String())
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if d, err := grammar.Digest(a.String() + ":" + name); err == nil {
				found = append(found, d)
			}
		}
	}
	return found, nil
}

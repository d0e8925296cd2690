package store

import (
	"testing"

	"berth/internal/registry"
	"berth/internal/registry/grammar"
	"berth/internal/registry/suite"

	"github.com/opencontainers/go-digest"
)

func TestAStoreIsAContent(t *testing.T) {
	s := opened(t, t.TempDir(), Options{})
	for _, i := range suite.Images() {
		push(t, s, i.Repo, i.Blob)
		links, err := grammar.ReadLinks("", []byte(i.Manifest()))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.PutManifest(t.Context(), i.Repo, registry.Push{Digest: digest.FromString(i.Manifest()), Body: []byte(i.Manifest()), Links: links, Tags: i.Tags}); err != nil {
			t.Fatal(err)
		}
	}
	suite.Run(t, s)
}

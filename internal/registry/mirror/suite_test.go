package mirror

import (
	"testing"

	"berth/internal/registry"
	"berth/internal/registry/grammar"
	"berth/internal/registry/suite"

	"github.com/opencontainers/go-digest"
)

func TestAMirrorIsAContent(t *testing.T) {
	u := newUpstream(t)
	for _, i := range suite.Images() {
		u.blob(t, i.Repo, i.Blob)
		links, err := grammar.ReadLinks("", []byte(i.Manifest()))
		if err != nil {
			t.Fatal(err)
		}
		if err := u.PutManifest(t.Context(), i.Repo, registry.Push{Digest: digest.FromString(i.Manifest()), Body: []byte(i.Manifest()), Links: links, Tags: i.Tags}); err != nil {
			t.Fatal(err)
		}
	}
	suite.Run(t, mirrorOf(t, u))
}

package registry

import (
	"fmt"
	"slices"
	"testing"

	"berth/internal/registry/grammar"

	"github.com/opencontainers/go-digest"
)

func TestReferrersComeInPagesThatHaveThemAllOnce(t *testing.T) {
	var all []grammar.Descriptor
	var want []string
	for i := range 7 {
		d := grammar.Descriptor{Digest: digest.FromString(fmt.Sprint(i)), ArtifactType: fmt.Sprint(i % 2)}
		all = append(all, d)
		if i%2 == 1 {
			want = append(want, d.Digest.String())
		}
	}
	for _, limit := range []int{1, 400, 1 << 20} {
		var got []string
		last := ""
		for range 10 {
			page, next := selectReferrers(all, "1", last, limit)
			for _, d := range page {
				got = append(got, d.Digest.String())
			}
			if last = next; last == "" {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("in pages of %d bytes: %v, want %v", limit, got, want)
		}
	}
}

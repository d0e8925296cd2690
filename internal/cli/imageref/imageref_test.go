package imageref

import (
	"strings"
	"testing"

	"github.com/distribution/reference"
)

func names() []string {
	hex := strings.Repeat("0a", 32)
	return []string{
		"busybox", "busybox:1", "library/busybox", "docker.io/busybox", "index.docker.io/library/busybox:x", "a/b", "a/b/c:t",
		"localhost/a", "localhost:5000/a:b", "reg.io/a", "reg.io:80/a/b", "UPPER/a", "a_b", "a__b", "a.b", "a-b", "a---b",
		"busybox@sha256:" + hex, "busybox:1@sha256:" + hex, "[::1]:5000/a", "docker.io/library/a/b",
		"", "Foo", "a/Foo", "reg.io/Foo", "a:", "a:b:c", "a//b", "/a", "a/", "-a", "a-", "a..b", "a___b", "a._b", ".a", "a@b",
		"a@sha256:12", hex, hex + "a", "a:" + strings.Repeat("x", 129), "a:.b", "a:-b", "a b", "a:b c", "ü", "a\x00", "http://a",
		strings.Repeat("a", 256), "sha256:" + hex,
	}
}

// TestNamesAreReadAsTheDistributionLibraryReadsThem uses the library that the
// daemon uses, which the client does not link for the cost of its start.
func TestNamesAreReadAsTheDistributionLibraryReadsThem(t *testing.T) {
	for _, s := range names() {
		want, wantErr := reference.ParseNormalizedNamed(s)
		got, err := Parse(s)
		if (err != nil) != (wantErr != nil) {
			t.Errorf("%q: %v, want %v", s, err, wantErr)
			continue
		}
		if err != nil {
			if err.Error() != wantErr.Error() {
				t.Errorf("%q: %q, want %q", s, err, wantErr)
			}
			continue
		}
		if got.Familiar() != reference.FamiliarString(want) || got.FamiliarName() != reference.FamiliarName(want) ||
			got.Domain != reference.Domain(want) || got.Path != reference.Path(want) {
			t.Errorf("%q: %+v, want %s", s, got, want)
		}
		if tagged := reference.TagNameOnly(want); got.WithDefaultTag().Familiar() != reference.FamiliarString(tagged) {
			t.Errorf("%q: with tag %q", s, got.WithDefaultTag().Familiar())
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range names() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		_, wantErr := reference.ParseNormalizedNamed(s)
		if _, err := Parse(s); (err != nil) != (wantErr != nil) {
			t.Errorf("%q: %v, want %v", s, err, wantErr)
		}
	})
}

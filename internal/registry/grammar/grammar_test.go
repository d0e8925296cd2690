package grammar

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"berth/internal/registry/refusal"
)

// The specification's own words for names and tags.
const (
	specName = `^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`
	specTag  = `^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`
)

func names() []string {
	return []string{
		"a", "library/debian", "a/b/c", "a.b", "a_b", "a__b", "a---b", "0", "a/blobs/uploads", "a/tags/list",
		"", "/", "a/", "/a", "a//b", "A", "a___b", "a..b", ".a", "a.", "_a", "a_", "-a", "a-", "a._b", "../a", "a/../b", "a/_blobs", "a\x00b", "ä", "a b", "a:b", strings.Repeat("a", 256),
	}
}

func TestANameIsWhatTheSpecificationsPatternMatches(t *testing.T) {
	pattern := regexp.MustCompile(specName)
	for _, name := range names() {
		_, err := Repository(name)
		if want := pattern.MatchString(name) && len(name) <= nameLimit; (err == nil) != want {
			t.Errorf("%q: %v, and the pattern says %v", name, err, want)
		}
	}
}

func FuzzANameIsWhatTheSpecificationsPatternMatches(f *testing.F) {
	for _, name := range names() {
		f.Add(name)
	}
	name, tag := regexp.MustCompile(specName), regexp.MustCompile(specTag)
	f.Fuzz(func(t *testing.T, s string) {
		if _, err := Repository(s); (err == nil) != (name.MatchString(s) && len(s) <= nameLimit) {
			t.Errorf("name %q: %v", s, err)
		}
		if _, err := Tag(s); (err == nil) != tag.MatchString(s) {
			t.Errorf("tag %q: %v", s, err)
		}
	})
}

func FuzzAReferenceIsATagOrADigestAndNeverAPath(f *testing.F) {
	for _, s := range []string{"latest", "sha256:" + strings.Repeat("a", 64), "sha512:" + strings.Repeat("0", 128), "sha256:" + strings.Repeat("A", 64), "md5:d41d8cd98f00b204e9800998ecf8427e", "..", "sha256:../../etc/passwd", ":", "a:b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ref, err := ParseReference(s)
		if err != nil {
			if !refusal.Is(err, refusal.TagInvalid, refusal.DigestInvalid) {
				t.Errorf("%q: %v", s, err)
			}
			return
		}
		if (ref.Tag == "") == (ref.Digest == "") || ref.String() != s || strings.ContainsAny(s, "/\x00") || s == "." || s == ".." {
			t.Errorf("%q became %+v", s, ref)
		}
		if ref.Digest != "" && ref.Digest.Validate() != nil {
			t.Errorf("%q is no digest", s)
		}
	})
}

func TestAPathIsReadFromItsEnd(t *testing.T) {
	digest := "sha256:" + strings.Repeat("a", 64)
	for path, want := range map[string]Route{
		"/v2":                                  {Kind: Ping},
		"/v2/":                                 {Kind: Ping},
		"/v2/_catalog":                         {Kind: Catalog},
		"/v2/a/b/tags/list":                    {Tags, "a/b", ""},
		"/v2/tags/list/tags/list":              {Tags, "tags/list", ""},
		"/v2/a/manifests/latest":               {Manifest, "a", "latest"},
		"/v2/a/manifests/manifests/" + "x":     {Manifest, "a/manifests", "x"},
		"/v2/a/blobs/" + digest:                {Blob, "a", digest},
		"/v2/a/blobs/uploads/":                 {Uploads, "a", ""},
		"/v2/a/blobs/uploads":                  {Uploads, "a", ""},
		"/v2/a/blobs/uploads/blobs/uploads/":   {Uploads, "a/blobs/uploads", ""},
		"/v2/a/blobs/uploads/blobs/uploads/id": {Upload, "a/blobs/uploads", "id"},
		"/v2/a/referrers/" + digest:            {Referrers, "a", digest},
	} {
		if got, err := ParsePath(path); err != nil || got != want {
			t.Errorf("%s is %+v, %v; want %+v", path, got, err, want)
		}
	}
	for path, code := range map[string]refusal.Code{
		"/": refusal.Unknown, "/v1/": refusal.Unknown, "/v2/a": refusal.Unknown, "/v2/tags/list": refusal.Unknown, "/v2//manifests/x": refusal.NameInvalid,
		"/v2/../manifests/x": refusal.NameInvalid, "/v2/A/manifests/x": refusal.NameInvalid, "/v2/a/../../etc/blobs/x": refusal.NameInvalid, "/v2/a/_blobs/manifests/x": refusal.NameInvalid,
	} {
		if r, err := ParsePath(path); !refusal.Is(err, code) {
			t.Errorf("%s is %+v, %v; want %s", path, r, err, code)
		}
	}
}

func FuzzAPathLeadsToAValidRepositoryOrNowhere(f *testing.F) {
	f.Add("/v2/a/b/manifests/latest")
	f.Add("/v2/a/blobs/uploads/../../x")
	f.Fuzz(func(t *testing.T, path string) {
		r, err := ParsePath(path)
		if err != nil || r.Kind == Ping || r.Kind == Catalog {
			return
		}
		if _, err := Repository(r.Repo); err != nil || strings.Contains(r.Rest, "/") {
			t.Errorf("%q became %+v", path, r)
		}
	})
}

func TestAChunkSaysWhereItBeginsAndEnds(t *testing.T) {
	for _, c := range []struct {
		header string
		length int64
		want   Chunk
		code   refusal.Code
	}{
		{"", 5, Chunk{-1, -1}, ""},
		{"0-4", 5, Chunk{0, 5}, ""},
		{"5-5", -1, Chunk{5, 1}, ""},
		{"0-4", 4, Chunk{}, refusal.SizeInvalid},
		{"4-0", -1, Chunk{}, refusal.RangeInvalid},
		{"bytes 0-4/5", 5, Chunk{}, refusal.UploadInvalid},
		{"+0-4", 5, Chunk{}, refusal.UploadInvalid},
		{"0--4", 5, Chunk{}, refusal.UploadInvalid},
		{"-", 5, Chunk{}, refusal.UploadInvalid},
		{"0-99999999999999999999", 5, Chunk{}, refusal.UploadInvalid},
	} {
		got, err := ParseChunk(c.header, c.length)
		if c.code == "" && (err != nil || got != c.want) || c.code != "" && !refusal.Is(err, c.code) {
			t.Errorf("%q of %d is %+v, %v", c.header, c.length, got, err)
		}
	}
}

func FuzzAChunkHasABeginAndALength(f *testing.F) {
	f.Add("0-4", int64(5))
	f.Add("9223372036854775806-9223372036854775807", int64(-1))
	f.Fuzz(func(t *testing.T, header string, length int64) {
		c, err := ParseChunk(header, length)
		if err == nil && header != "" && (c.Start < 0 || c.Length <= 0 || length >= 0 && c.Length != length) {
			t.Errorf("%q of %d became %+v", header, length, c)
		}
	})
}

func TestAPageIsCutAfterTheLastOfTheOneBefore(t *testing.T) {
	list := []string{"B", "a", "b", "c"}
	for query, want := range map[string][]string{
		"": {"B", "a", "b", "c"}, "n=2": {"B", "a", "more"}, "n=2&last=a": {"b", "c"}, "last=aa": {"b", "c"}, "n=4": {"B", "a", "b", "c"}, "n=0": {}, "n=1&last=z": {},
	} {
		q, _ := url.ParseQuery(query)
		p, err := ParsePage(q, 0)
		if err != nil {
			t.Fatal(err)
		}
		got, more := p.Cut(list)
		if more {
			got = append(slices.Clone(got), "more")
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
	for _, bad := range []string{"-1", "x", "", "1.5"} {
		if _, err := ParsePage(url.Values{"n": {bad}}, 0); !refusal.Is(err, refusal.PageInvalid) {
			t.Errorf("n=%s: %v", bad, err)
		}
	}
	if p, _ := ParsePage(url.Values{"n": {"5000"}}, 1000); p.N != 1000 {
		t.Errorf("nobody gets %d at once", p.N)
	}
}

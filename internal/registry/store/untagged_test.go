package store

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"berth/internal/fault"
	"berth/internal/registry/grammar"
	"berth/internal/registry/refusal"

	"github.com/opencontainers/go-digest"
)

func TestWhatNoTagLeadsToIsFound(t *testing.T) {
	parts := map[digest.Digest]grammar.Links{
		"index":     {Manifests: []digest.Digest{"amd64", "arm64"}},
		"amd64":     {},
		"arm64":     {},
		"signature": {Subject: "amd64"},
		"of that":   {Subject: "signature"},
		"old":       {Manifests: []digest.Digest{"amd64", "old386"}},
		"old386":    {},
		"about old": {Subject: "old386"},
		"lonely":    {Subject: "never pushed"},
	}
	if got, want := unreached(parts, []digest.Digest{"index", "gone"}), []digest.Digest{"about old", "lonely", "old", "old386"}; !slices.Equal(got, want) {
		t.Errorf("%q and not %q", got, want)
	}
	if got := unreached(parts, []digest.Digest{"index", "about old", "old"}); !slices.Equal(got, []digest.Digest{"lonely"}) {
		t.Errorf("%q", got)
	}
}

func TestAManifestGoesWhenItHasBeenWithoutATagForLongEnough(t *testing.T) {
	s := opened(t, t.TempDir(), Options{Grace: time.Hour})
	config := push(t, s, "a", "config")
	put := func(tag, layer string) digest.Digest {
		p := manifestOf(t, "", []string{tag}, config, push(t, s, "a", layer))
		if err := s.PutManifest(t.Context(), "a", p); err != nil {
			t.Fatal(err)
		}
		return p.Digest
	}
	remove := func(before time.Time) int {
		n, err := s.RemoveUntagged(t.Context(), before)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	there := func(d digest.Digest) bool {
		_, err := s.Manifest(t.Context(), "a", grammar.Reference{Digest: d})
		if err != nil && !refusal.Is(err, refusal.ManifestUnknown) {
			t.Fatal(err)
		}
		return err == nil
	}
	far := time.Now().Add(time.Hour) // by then every mark is old
	first := put("1", "one")
	if n := remove(far) + remove(far); n != 0 || !there(first) {
		t.Errorf("%d tagged manifests were removed", n)
	}
	second := put("1", "two")
	if n := remove(time.Now().Add(-time.Minute)) + remove(time.Now().Add(-time.Minute)); n != 0 || !there(first) {
		t.Errorf("%d were removed before their time", n)
	}
	put("1", "one") // it is tagged again, and its time begins anew
	put("1", "two")
	if n := remove(far); n != 0 || !there(first) {
		t.Errorf("%d were removed that had had a tag since", n)
	}
	if n := remove(far); n != 1 || there(first) || !there(second) {
		t.Errorf("%d were removed; the old one is there: %v, the new one: %v", n, there(first), there(second))
	}
	if marks, err := s.linked("a", "_untagged"); err != nil || len(marks) != 0 {
		t.Errorf("marks are left: %v %v", marks, err)
	}
}

func TestADirectoryThatIsOnlyReadIsNotChanged(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(filepath.Join(dir, "none"), Options{ReadOnly: true}); err == nil {
		t.Error("a directory that is not there is served")
	}
	if _, err := Open(dir, Options{ReadOnly: true}); !fault.Is(err, fault.NotFound) {
		t.Errorf("an empty directory: %v", err)
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 0 {
		t.Error(list, err)
	}
	writer, err := Open(dir, Options{Grace: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	d := push(t, writer, "a", "content")
	if _, err := Open(dir, Options{ReadOnly: true}); !fault.Is(err, fault.Conflict) {
		t.Errorf("somebody writes: %v", err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	past := time.Now().Add(-time.Hour)
	link := filepath.Join(dir, linkPath("a", "_blobs", d))
	if err := os.Chtimes(link, past, past); err != nil {
		t.Fatal(err)
	}
	one, other := opened(t, dir, Options{ReadOnly: true, Grace: time.Hour}), opened(t, dir, Options{ReadOnly: true, Grace: time.Hour})
	for _, s := range []*Store{one, other} {
		b, err := s.Blob(t.Context(), "a", d)
		if err != nil {
			t.Fatal(err)
		}
		_ = b.Content.Close()
	}
	if info, err := os.Stat(link); err != nil || info.ModTime().Sub(past).Abs() > time.Second {
		t.Errorf("the link's time was changed: %v %v", info, err)
	}
	if _, err := Open(dir, Options{}); !fault.Is(err, fault.Conflict) {
		t.Errorf("others read: %v", err)
	}
}

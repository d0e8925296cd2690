package outgoing

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
)

func TestAnUploadIsFoundAgainByWhoSendsTheSameBlobToTheSamePlace(t *testing.T) {
	dir, blob := filepath.Join(t.TempDir(), "outgoing"), digest.FromString("x")
	first := Open(dir).Begin("host/a", blob)
	if at := first.Where(); at != "" {
		t.Errorf("an upload goes to %q before it began", at)
	}
	first.Put("http://host/1")
	first.Put("http://host/2")
	later := Open(dir)
	for repository, want := range map[string]string{"host/a": "http://host/2", "host/b": ""} {
		n := later.Begin(repository, blob)
		if at := n.Where(); at != want {
			t.Errorf("%s: %q", repository, at)
		}
		n.End()
	}
	n := later.Begin("host/a", blob)
	n.Put("")
	n.End()
	if at := later.Begin("host/a", blob).Where(); at != "" {
		t.Errorf("%q after its end", at)
	}
}

func TestOfTwoWhoSendTheSameBlobOneHasTheNote(t *testing.T) {
	notes, blob := Open(t.TempDir()), digest.FromString("x")
	one, other := notes.Begin("host/a", blob), notes.Begin("host/a", blob)
	if one == nil || other != nil {
		t.Fatal(one, other)
	}
	one.Put("http://host/1")
	other.Put("http://host/2")
	other.End()
	if other.Where() != "" || notes.Begin("host/a", blob) != nil {
		t.Error("the second one has a note")
	}
	one.End()
	if at := notes.Begin("host/a", blob).Where(); at != "http://host/1" {
		t.Errorf("%q", at)
	}
}

func TestOldNotesAndEndlessOnesAreNotKept(t *testing.T) {
	dir := t.TempDir()
	notes := Open(dir)
	n := notes.Begin("host/a", digest.FromString("x"))
	n.Put(strings.Repeat("x", limit))
	if list, err := os.ReadDir(dir); err != nil || len(list) != 0 {
		t.Error(list, err)
	}
	n.Put("http://host/1")
	past := time.Now().Add(-kept - time.Minute)
	if err := os.Chtimes(n.path, past, past); err != nil {
		t.Fatal(err)
	}
	if n.Where() != "" {
		t.Error("an old note counts")
	}
	if err := notes.Expire(); err != nil {
		t.Fatal(err)
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 0 {
		t.Error(list, err)
	}
	if err := Open(filepath.Join(dir, "none")).Expire(); err != nil {
		t.Error(err)
	}
}

package volume

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"berth/internal/fault"
)

// thrown makes a volume that holds a word, and throws it away.
func thrown(t *testing.T, s *Service, name, word string) Trashed {
	t.Helper()
	v, _, err := s.Create(Request{Name: name, Labels: map[string]string{"of": word}})
	must(t, err)
	must(t, os.WriteFile(v.Dir+"/f", []byte(word), 0o600))
	x, err := Trash{s}.Put(name)
	must(t, err)
	return x
}

func holds(t *testing.T, s *Service, name, word string) {
	t.Helper()
	v, err := s.Get(name)
	must(t, err)
	got, err := os.ReadFile(v.Dir + "/f")
	if err != nil || string(got) != word || v.Labels["of"] != word {
		t.Errorf("%s holds %q, %v: %+v", name, got, err, v)
	}
}

func inTrash(t *testing.T, s *Service) (names []string) {
	t.Helper()
	list, err := Trash{s}.List()
	must(t, err)
	for _, x := range list {
		names = append(names, x.Name)
	}
	return names
}

func TestAVolumeComesBackOutOfTheTrashAsItWasAlsoUnderAnotherDaemonAndName(t *testing.T) {
	s := open(t)
	first := thrown(t, s, "data", "first")
	second := thrown(t, s, "data", "second") // the name is free again
	if _, err := s.Get("data"); !fault.Is(err, fault.NotFound) {
		t.Fatal(err)
	}
	s = again(t, s)
	if names := inTrash(t, s); !slices.Equal(names, []string{"data", "data"}) {
		t.Fatal(names)
	}
	_, err := Trash{s}.Restore("data", "")
	must(t, err)
	holds(t, s, "data", "second")
	if _, err := (Trash{s}).Restore(first.ID, ""); !fault.Is(err, fault.Conflict) {
		t.Error(err)
	}
	_, err = Trash{s}.Restore(first.ID, "old")
	must(t, err)
	for _, ref := range []string{second.ID, "data", ""} {
		if _, err := (Trash{s}).Restore(ref, "x1"); !fault.Is(err, fault.NotFound) {
			t.Errorf("%q: %v", ref, err)
		}
	}
	s = again(t, s)
	holds(t, s, "data", "second")
	holds(t, s, "old", "first")
	if names := inTrash(t, s); len(names) != 0 {
		t.Error(names)
	}
}

func TestTheTrashIsEmptiedOldestFirstAndOfWhatIsExpired(t *testing.T) {
	s := open(t)
	for _, name := range []string{"one", "two", "three"} {
		thrown(t, s, name, name)
	}
	list, err := Trash{s}.List()
	must(t, err)
	now := time.Now()
	list[0].Removed, list[1].Removed, list[2].Removed = now.Add(-2*time.Hour), now.Add(-time.Hour), now
	if gone := Expired(list, now, time.Hour); len(gone) != 2 || gone[0].Name != "one" {
		t.Error(gone)
	}
	must(t, Trash{s}.Purge(list[0].ID))
	if err := (Trash{s}).Purge(list[0].ID); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
	if names := inTrash(t, s); !slices.Equal(names, []string{"two", "three"}) {
		t.Error(names)
	}
	s.Close()
	if left, _ := filepath.Glob(s.root + "/" + trashDir + "/*"); len(left) != 0 {
		t.Error(left)
	}
}

// A daemon may be killed between any two steps: each is one that the next daemon can go on from.
func TestADaemonThatIsKilledWhileItThrowsAwayOrRestoresLosesNothing(t *testing.T) {
	s := open(t)
	v, _, err := s.Create(Request{Name: "data", Labels: map[string]string{"of": "word"}})
	must(t, err)
	must(t, os.WriteFile(v.Dir+"/f", []byte("word"), 0o600))
	x := Trashed{Volume: v}
	must(t, Trash{s}.place(&x)) // killed before the rename
	s = again(t, s)
	holds(t, s, "data", "word")
	if left, _ := os.ReadDir(s.root + "/" + binDir); len(left) != 0 {
		t.Error(left)
	}
	must(t, Trash{s}.place(&x))
	must(t, os.Rename(s.root+"/data", filepath.Join(s.root, binDir, x.ID, "data"))) // killed after it
	s = again(t, s)
	if names := inTrash(t, s); !slices.Equal(names, []string{"data"}) {
		t.Fatal(names)
	}
	must(t, os.Rename(filepath.Join(s.root, binDir, x.ID, "data"), s.root+"/data")) // a restore that was killed after its rename
	s = again(t, s)
	holds(t, s, "data", "word")
	if left, _ := os.ReadDir(s.root + "/" + binDir); len(left) != 0 {
		t.Error(left)
	}
}

func TestAProtectedVolumeIsRemovedByNobodyUntilItIsUnprotected(t *testing.T) {
	s := open(t)
	_, _, err := s.Create(Request{Name: "data", Labels: map[string]string{ProtectLabel: "true", "a": "b"}})
	must(t, err)
	const want = "remove data: volume is protected: it has the label berth.protect=true, and nothing removes it until it is unprotected"
	_, trashed := Trash{s}.Put("data")
	for _, err := range []error{s.Remove("data"), trashed} {
		if !fault.Is(err, fault.Conflict) || err.Error() != want {
			t.Error(err)
		}
	}
	_, err = Protect(s, "data", false)
	must(t, err)
	s = again(t, s)
	if v, err := s.Get("data"); err != nil || v.Protected() || v.Labels["a"] != "b" {
		t.Error(v, err)
	}
	_, err = Protect(s, "data", true)
	must(t, err)
	s = again(t, s)
	if err := s.Remove("data"); err == nil || err.Error() != want {
		t.Error(err)
	}
}

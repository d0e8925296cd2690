package index

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"berth/internal/container/config"
	"berth/internal/fault"
)

type entry struct {
	id      string
	created time.Time
}

func (e *entry) ID() string         { return e.id }
func (e *entry) Created() time.Time { return e.created }

func TestContainersAreFoundByIDThenNameThenPrefix(t *testing.T) {
	x := New[*entry]()
	add := func(id, name string) {
		t.Helper()
		if err := x.Reserve(name, id); err != nil {
			t.Fatal(err)
		}
		x.Add(&entry{id: id})
	}
	a, b, c := strings.Repeat("a", 64), "ab"+strings.Repeat("b", 62), strings.Repeat("c", 64)
	add(a, "one")
	add(b, "cc") // a name that is a prefix of another's ID
	add(c, a[:12])
	for ref, want := range map[string]string{a: a, "one": a, "/one": a, "cc": b, "ccc": c, "aaa": a, "ab": b, a[:12]: c, a[:13]: a} {
		if e, err := x.Find(ref); err != nil || e.id != want {
			t.Errorf("%s: %v", ref, err)
		}
	}
	for ref, want := range map[string]string{
		"a": "multiple IDs found with provided prefix: a", "x": "No such container: x", "": "No such container: ", "on": "No such container: on",
	} {
		if _, err := x.Find(ref); err == nil || err.Error() != want {
			t.Errorf("%q: %v", ref, err)
		}
	}
	err := x.Reserve("one", "other")
	if want := `Conflict. The container name "/one" is already in use by container "` + a + `". You have to remove (or rename) that container to be able to reuse that name.`; !fault.Is(err, fault.Conflict) || err.Error() != want {
		t.Error(err)
	}
	x.Drop(a, "one")
	if err := x.Reserve("one", "other"); err != nil {
		t.Error(err)
	}
	if _, err := x.Find("one"); !fault.Is(err, fault.NotFound) {
		t.Error("a name whose container is being made is found")
	}
}

func TestListsHaveTheNewestFirst(t *testing.T) {
	x := New[*entry]()
	now := time.Now()
	for i, id := range []string{"b", "a", "c"} {
		x.Add(&entry{id: id, created: now.Add(time.Duration(i/2) * time.Second)})
	}
	var got string
	for _, e := range x.All() {
		got += e.id
	}
	if got != "cab" {
		t.Error(got)
	}
}

func TestNamesAreCheckedAndGenerated(t *testing.T) {
	for _, good := range []string{"", "ab", "/ab", "A.b_c-d", "0a"} {
		if err := CheckName(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"a", "-a", "a b", "//a", "a/b", "ä", "a\n"} {
		if err := CheckName(bad); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "("+bad+"), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for range 100 {
		if name := config.GenerateName(); !regexp.MustCompile(`^[a-z]+_[a-z]+$`).MatchString(name) || name == "boring_wozniak" {
			t.Fatal(name)
		}
	}
	x := New[*entry]()
	seen := map[string]bool{}
	for i := range 2000 {
		name, err := x.Take("", fmt.Sprintf("%064d", i))
		if err != nil || seen[name] {
			t.Fatalf("%s: %v", name, err)
		}
		seen[name] = true
	}
}

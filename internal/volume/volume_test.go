package volume

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"berth/internal/fault"
)

func open(t *testing.T) *Service {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "volumes"))
	must(t, err)
	t.Cleanup(s.Close)
	return s
}

// again opens the volumes as the next daemon does.
func again(t *testing.T, s *Service) *Service {
	t.Helper()
	next, err := Open(s.root)
	must(t, err)
	t.Cleanup(next.Close)
	return next
}

func TestAVolumeKeepsWhatItWasMadeWithUntilItIsRemoved(t *testing.T) {
	s := open(t)
	made, fresh, err := s.Create(Request{Name: "data", Driver: Local, Labels: map[string]string{"a": "b"}, Options: map[string]string{"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}})
	if err != nil || !fresh {
		t.Fatal(fresh, err)
	}
	must(t, os.WriteFile(made.Dir+"/f", []byte("x"), 0o600))
	same, fresh, err := s.Create(Request{Name: "data", Labels: map[string]string{"other": ""}})
	if err != nil || fresh || same.Labels["a"] != "b" || len(same.Labels) != 1 {
		t.Fatal(same, fresh, err)
	}
	s = again(t, s)
	found, err := s.Get("data")
	if err != nil || !found.Created.Equal(made.Created) || !maps.Equal(found.Labels, made.Labels) || !maps.Equal(found.Options, made.Options) {
		t.Fatalf("%+v %v", found, err)
	}
	must(t, s.Remove("data"))
	if err := s.Remove("data"); !fault.Is(err, fault.NotFound) || err.Error() != "get data: no such volume" {
		t.Error(err)
	}
	s.Close()
	if left, _ := filepath.Glob(s.root + "/*/*"); len(left) != 0 {
		t.Error(left)
	}
}

func TestAVolumeThatAContainerHasIsNotRemoved(t *testing.T) {
	s := open(t)
	v, fresh, err := s.Claim(Request{}, "one")
	if err != nil || !fresh || !v.Anonymous() || len(v.Name) != 64 {
		t.Fatal(v, fresh, err)
	}
	if _, fresh, err := s.Claim(Request{Name: v.Name}, "two"); err != nil || fresh {
		t.Fatal(fresh, err)
	}
	s.Release(v.Name, "three")
	if err := s.Remove(v.Name); !fault.Is(err, fault.Conflict) || err.Error() != "remove "+v.Name+": volume is in use - [one, two]" {
		t.Error(err)
	}
	s.Release(v.Name, "one")
	if got := s.Users(v.Name); !slices.Equal(got, []string{"two"}) {
		t.Error(got)
	}
	s.Release(v.Name, "two")
	must(t, s.Remove(v.Name))
}

func TestNamesAndOptionsThatCannotBeAreRefusedAndMakeNothing(t *testing.T) {
	s := open(t)
	only := `includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed`
	for _, c := range []struct {
		r    Request
		want string
	}{
		{Request{Name: "a"}, "create a: volume name is too short, names should be at least two alphanumeric characters"},
		{Request{Name: ".."}, only}, {Request{Name: "../x"}, only}, {Request{Name: "a/b"}, only}, {Request{Name: ".hidden"}, only},
		{Request{Name: "/etc"}, only}, {Request{Name: "ab\n"}, only}, {Request{Name: strings.Repeat("a", 256)}, only},
		{Request{Name: "ok", Driver: "nope"}, `create ok: error looking up volume plugin nope: plugin "nope" not found`},
		{Request{Name: "ok", Options: map[string]string{"foo": "x"}}, `create ok: invalid option: "foo"`},
		{Request{Name: "ok", Options: map[string]string{"type": "tmpfs"}}, `create ok: missing required option: "device"`},
		{Request{Name: "ok", Options: map[string]string{"o": "bind"}}, `create ok: missing required option: "device"`},
		{Request{Name: "ok", Options: map[string]string{"device": "/x"}}, `create ok: missing required option: "type"`},
		{Request{Name: "ok", Options: map[string]string{"size": "1g", "type": "tmpfs", "device": "tmpfs"}}, `create ok: quota size requested but no quota support`},
		{Request{Name: "ok", Options: map[string]string{"size": "x"}}, `create ok: invalid size: 'x'`},
		{Request{Name: "ok", Options: map[string]string{"size": "5"}}, `create ok: a size of 5 bytes is too small: it has to be 1 MiB at least`},
		{Request{Name: "ok", Options: map[string]string{"type": "cifs", "device": "//a:445/b"}}, `create ok: port not allowed in CIFS device URL, include 'port' in 'o='`},
	} {
		if _, _, err := s.Create(c.r); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c.r, err)
		}
	}
	if left, _ := os.ReadDir(s.root); len(left) != 0 {
		t.Error(left)
	}
}

func TestWhatAKilledDaemonLeftHalfDoneGoesAtTheNextStart(t *testing.T) {
	s := open(t)
	v, _, err := s.Create(Request{Name: "data"})
	must(t, err)
	for _, dir := range []string{"/.new-1/_data", "/.trash/x/_data", "/data/.berth-fill-1/copy"} {
		must(t, os.MkdirAll(s.root+dir, 0o755))
	}
	must(t, os.MkdirAll(s.root+"/older/_data", 0o755)) // of a version without records
	s = again(t, s)
	s.Close()
	var names []string
	for _, v := range s.List() {
		names = append(names, v.Name)
	}
	if !slices.Equal(names, []string{"data", "older"}) {
		t.Error(names)
	}
	for _, pattern := range []string{s.root + "/.[!t]*", s.root + "/.trash/*", filepath.Dir(v.Dir) + "/.*"} {
		if left, _ := filepath.Glob(pattern); len(left) != 0 {
			t.Error(left)
		}
	}
}

func TestWhoClaimsAVolumeWhileItIsRemovedHasOneThatIsThere(t *testing.T) {
	s := open(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			me := fmt.Sprint("container ", i)
			for range 50 {
				v, _, err := s.Claim(Request{Name: "data"}, me)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := os.Stat(v.Dir); err != nil {
					t.Error("a volume that is claimed is not there: ", err)
				}
				s.Release("data", me)
				if err := s.Remove("data"); err != nil && !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.NotFound) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

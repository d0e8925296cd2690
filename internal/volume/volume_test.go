package volume

import (
	"os"
	"path/filepath"
	"testing"

	"berth/internal/fault"
)

func TestAVolumeKeepsItsDataUntilItIsRemoved(t *testing.T) {
	s, err := Open(filepath.Join(t.TempDir(), "volumes"))
	if err != nil {
		t.Fatal(err)
	}
	dir, fresh, err := s.Ensure("data")
	if err != nil || !fresh {
		t.Fatal(fresh, err)
	}
	if err := os.WriteFile(dir+"/f", []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	again, fresh, err := s.Ensure("data")
	if err != nil || fresh || again != dir {
		t.Fatal(again, fresh, err)
	}
	for range 2 {
		if err := s.Remove("data"); err != nil {
			t.Fatal(err)
		}
	}
	if left, _ := os.ReadDir(s.root); len(left) != 0 {
		t.Fatal(left)
	}
}

func TestNamesThatLeaveTheRootAreRefused(t *testing.T) {
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "a", "..", "../x", "a/b", ".hidden", "/etc"} {
		if _, _, err := s.Ensure(name); !fault.Is(err, fault.Invalid) {
			t.Errorf("Ensure(%q): %v", name, err)
		}
		if err := s.Remove(name); !fault.Is(err, fault.Invalid) {
			t.Errorf("Remove(%q): %v", name, err)
		}
	}
}

package registry

import (
	"os"
	"path/filepath"
	"testing"

	"berth/internal/fault"
)

func TestTheRegistryIsFoundBesideTheClientThenInThePath(t *testing.T) {
	install := func(dir string) string {
		path := filepath.Join(dir, program)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755); err != nil { // #nosec G306 -- it is to be run
			t.Fatal(err)
		}
		return path
	}
	beside, inPath, links := t.TempDir(), t.TempDir(), t.TempDir()
	own, link := filepath.Join(beside, "berth"), filepath.Join(links, "berth")
	if err := os.WriteFile(own, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(own, link); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", inPath)
	if path, err := find(own); !fault.Is(err, fault.NotFound) {
		t.Errorf("found %q, %v where there is none", path, err)
	}
	want := install(inPath)
	for _, from := range []string{own, link, ""} {
		if path, err := find(from); err != nil || path != want {
			t.Errorf("from %q: %q, %v", from, path, err)
		}
	}
	want = install(beside)
	for _, from := range []string{own, link} {
		if path, err := find(from); err != nil || path != want {
			t.Errorf("from %q: %q, %v", from, path, err)
		}
	}
}

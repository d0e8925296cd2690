//go:build linux

package mount

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestAPlaceIsMadeInTheRootOnly(t *testing.T) {
	dir := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	outside := filepath.Join(dir, "outside")
	must(os.Mkdir(outside, 0o755))
	must(os.MkdirAll(filepath.Join(dir, "root/real"), 0o755))
	must(os.Symlink("/real", filepath.Join(dir, "root/link")))
	must(os.Symlink(outside, filepath.Join(dir, "root/evil")))
	must(os.Symlink("../../../outside", filepath.Join(dir, "root/up")))
	must(os.WriteFile(filepath.Join(dir, "root/file"), []byte("x"), 0o600))
	root, err := os.OpenFile(filepath.Join(dir, "root"), unix.O_PATH|unix.O_CLOEXEC, 0)
	must(err)
	defer root.Close()
	must(MakePlace(root, "/etc/deep/hosts", false))
	must(MakePlace(root, "/link/a/b", true))
	must(MakePlace(root, "/file", false)) // stays as it is
	must(MakePlace(root, "/", true))
	for name, isDir := range map[string]bool{"etc/deep/hosts": false, "real/a/b": true, "file": false} {
		if st, err := os.Lstat(filepath.Join(dir, "root", name)); err != nil || st.IsDir() != isDir {
			t.Errorf("%s: %v %v", name, st, err)
		}
	}
	if text, _ := os.ReadFile(filepath.Join(dir, "root/file")); string(text) != "x" {
		t.Errorf("a file that was there is %q", text)
	}
	if err := MakePlace(root, "/file/below", false); !errors.Is(err, unix.ENOTDIR) {
		t.Errorf("below a file: %v", err)
	}
	for _, name := range []string{"/evil/x", "/up/x", "/../outside/y"} {
		_ = MakePlace(root, name, false) // whether it can be made does not matter
	}
	if left, err := os.ReadDir(outside); err != nil || len(left) > 0 {
		t.Errorf("outside there is %v, %v", left, err)
	}
}

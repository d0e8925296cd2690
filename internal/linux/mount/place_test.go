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

func TestALinkIsMadeInTheRootOnlyAndNeverOverAnything(t *testing.T) {
	dir := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(filepath.Join(dir, "root/has"), 0o755))
	must(os.Mkdir(filepath.Join(dir, "outside"), 0o755))
	must(os.Symlink("../outside", filepath.Join(dir, "root/up")))
	must(os.WriteFile(filepath.Join(dir, "root/has/mtab"), []byte("x"), 0o600))
	root, err := os.OpenFile(filepath.Join(dir, "root"), unix.O_PATH|unix.O_CLOEXEC, 0)
	must(err)
	defer root.Close()
	for _, name := range []string{"/etc/mtab", "/etc/mtab", "/has/mtab"} {
		must(MakeLink(root, name, "/proc/mounts"))
	}
	if to, err := os.Readlink(filepath.Join(dir, "root/etc/mtab")); to != "/proc/mounts" || err != nil {
		t.Errorf("the link leads to %q, %v", to, err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "root/has/mtab")); string(text) != "x" || err != nil {
		t.Errorf("what was there is %q, %v", text, err)
	}
	_ = MakeLink(root, "/up/mtab", "/proc/mounts") // whether it can be made does not matter
	if left, err := os.ReadDir(filepath.Join(dir, "outside")); err != nil || len(left) > 0 {
		t.Errorf("outside there is %v, %v", left, err)
	}
}

//go:build linux

package mount

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

type maker func(lowers []string, upper, work string, options []string) (*os.File, error)

// ways are both ways to make an overlay: this kernel may have only the old one.
func ways(t *testing.T) map[string]maker {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	all := map[string]maker{"new": overlayNew, "old": overlayOld}
	if !takesLowerPlus() {
		delete(all, "new")
	}
	return all
}

func forEach(t *testing.T, test func(t *testing.T, overlay maker)) {
	for name, make := range ways(t) {
		t.Run(name, func(t *testing.T) { test(t, make) })
	}
}

// layers makes n directories with one file each ("f<i>") and one that all
// have ("same"), under a parent of the given name.
func layers(t *testing.T, n int, parent string) (lowers []string, upper, work string) {
	t.Helper()
	base := filepath.Join(t.TempDir(), parent)
	for i := range n {
		dir := filepath.Join(base, strconv.Itoa(i), "fs")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"f" + strconv.Itoa(i), "same"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(strconv.Itoa(i)), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		lowers = append(lowers, dir)
	}
	upper, work = filepath.Join(base, "upper"), filepath.Join(base, "work")
	for _, dir := range []string{upper, work} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return lowers, upper, work
}

func read(t *testing.T, root *os.File, name string) string {
	t.Helper()
	f, err := OpenIn(root, name, os.O_RDONLY)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func mounts(t *testing.T) string {
	b, err := os.ReadFile("/proc/thread-self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestAnOverlayShowsItsLayersAndNothingAppearsInTheMountTable(t *testing.T) {
	forEach(t, func(t *testing.T, overlay maker) {
		lowers, upper, work := layers(t, 3, "plain")
		root, err := overlay(lowers, upper, work, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		if got := read(t, root, "same") + read(t, root, "f2"); got != "02" {
			t.Errorf("got %q", got)
		}
		if strings.Contains(mounts(t), upper) {
			t.Error("it is in the mount table")
		}
		f, err := OpenIn(root, "new", os.O_CREATE|os.O_WRONLY)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		if _, err := os.Stat(filepath.Join(upper, "new")); err != nil {
			t.Error(err)
		}
	})
}

func TestAnOverlayOfLongPathsOfStrangeNamesAndManyLayers(t *testing.T) {
	for _, parent := range []string{strings.Repeat("a", 200) + "/" + strings.Repeat("b", 200), `co:lon,comma\back slash`} {
		forEach(t, func(t *testing.T, overlay maker) {
			lowers, upper, work := layers(t, 120, parent)
			root, err := overlay(lowers, upper, work, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer root.Close()
			if got := read(t, root, "same") + read(t, root, "f119"); got != "0119" {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestAnOverlayWithoutAnUpperIsReadOnly(t *testing.T) {
	forEach(t, func(t *testing.T, overlay maker) {
		lowers, _, _ := layers(t, 2, "plain")
		root, err := overlay(lowers, "", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		if _, err := OpenIn(root, "x", os.O_CREATE|os.O_WRONLY); err == nil {
			t.Error("it can be written")
		}
	})
}

func TestAMissingLayerIsAnErrorThatNamesIt(t *testing.T) {
	lowers, upper, work := layers(t, 2, "plain")
	missing := lowers[1] + "-gone"
	if _, err := Overlay([]string{lowers[0], missing}, upper, work); err == nil || !strings.Contains(err.Error(), missing) {
		t.Errorf("%v", err)
	}
}

func TestNothingOpenedInARootLiesOutside(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(t.TempDir(), "secret")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(secret, []byte("host"), 0o600))
	must(os.WriteFile(filepath.Join(dir, "in"), []byte("inside"), 0o600))
	must(os.Symlink(secret, filepath.Join(dir, "abs")))
	must(os.Symlink("../../../../.."+secret, filepath.Join(dir, "rel")))
	must(os.Symlink("/in", filepath.Join(dir, "good")))
	root, err := os.OpenFile(dir, unix.O_PATH, 0)
	must(err)
	defer root.Close()
	for _, name := range []string{"abs", "rel", "../" + secret, secret, "in/x"} {
		if f, err := OpenIn(root, name, os.O_RDONLY); !fault.Is(err, fault.NotFound) {
			t.Errorf("%s: %v", name, err)
			f.Close()
		}
	}
	if got := read(t, root, "/good"); got != "inside" {
		t.Errorf("%q", got)
	}
}

func TestADanglingLinkIsFollowedToWhereItWouldBe(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink("../../../run/resolve/stub", filepath.Join(dir, "resolv.conf")); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenFile(dir, unix.O_PATH, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for name, want := range map[string]string{"/resolv.conf": "/run/resolve/stub", "/a/../../b": "/b", "/": "/"} {
		if got, err := ResolveIn(root, name); got != want || err != nil {
			t.Errorf("%s: %q %v", name, got, err)
		}
	}
}

func TestAnUpperDirectoryHoldsAllThatIsChanged(t *testing.T) {
	forEach(t, func(t *testing.T, overlay maker) {
		lowers, upper, work := layers(t, 2, "plain")
		if err := os.Mkdir(lowers[1]+"/dir", 0o755); err != nil {
			t.Fatal(err)
		}
		root, err := overlay(lowers, upper, work, []string{"redirect_dir=off", "metacopy=off"})
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		// The kernel has the mover copy instead.
		if err := unix.Renameat(int(root.Fd()), "dir", int(root.Fd()), "moved"); err != unix.EXDEV {
			t.Errorf("a directory of the image was moved: %v", err)
		}
	})
}

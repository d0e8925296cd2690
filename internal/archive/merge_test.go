package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The overlay is what says what a copy has to be.
func TestACopyOfTheLayersIsWhatTheOverlayShows(t *testing.T) {
	l, layer := layerLab(t)
	dir := filepath.Dir(layer.Upper) + "/copy"
	l.must(os.Mkdir(dir, 0o755))
	l.must(unix.Link(layer.Lowers[1]+"/old/f", layer.Lowers[1]+"/old/same"))
	l.must(unix.Setxattr(layer.Lowers[0]+"/etc/added", "user.note", []byte("x"), 0))
	into, err := os.Open(dir)
	l.must(err)
	defer into.Close()
	l.must(Merge(context.Background(), layer.Lowers, into))
	overlay, copied := l, l
	overlay.dir, copied.dir = l.dir+"/", dir+"/" // of the overlay there is only a descriptor, which is a link
	if want, got := overlay.tree(), copied.tree(); got != want || want == "" {
		t.Errorf("the copy:\n%s\nthe overlay:\n%s", got, want)
	}
	a, b := stat(t, dir+"/old/f"), stat(t, dir+"/old/same")
	if a.Ino != b.Ino {
		t.Error("two names of one file have become two files")
	}
	if n, err := unix.Getxattr(dir+"/etc/added", "user.note", make([]byte, 8)); err != nil || n != 1 {
		t.Errorf("an attribute is gone: %v", err)
	}
	whole := Layer{Upper: dir, Lowers: layer.Lowers, Whole: true}
	if got := shown(t, whole); got != "" {
		t.Errorf("a fresh copy differs from its layers: %s", got)
	}
}

func stat(t *testing.T, path string) unix.Stat_t {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		t.Fatal(err)
	}
	return st
}

// What is done in an overlay and in a copy is the same change and the same layer.
func TestAChangedCopyIsTheLayerThatAnOverlayWouldHave(t *testing.T) {
	l, layer := layerLab(t)
	dir := filepath.Dir(layer.Upper) + "/copy"
	l.must(os.Mkdir(dir, 0o755))
	into, err := os.Open(dir)
	l.must(err)
	defer into.Close()
	l.must(Merge(context.Background(), layer.Lowers, into))
	copied := l
	copied.dir = dir
	for _, where := range []lab{l, copied} {
		where.make("new/file=n", "etc/passwd=changed", "old/sub/more=1")
		where.must(os.Chmod(where.dir+"/tmp", 0o1777))
		where.must(os.RemoveAll(where.dir + "/deep"))
		where.must(os.RemoveAll(where.dir + "/became"))
		where.make("became=a file now")
		where.must(os.Remove(where.dir + "/lib"))
		where.must(os.RemoveAll(where.dir + "/hidden"))
		where.make("hidden/again=1")
	}
	whole := Layer{Upper: dir, Lowers: layer.Lowers, Whole: true}
	if got, want := shown(t, whole), shown(t, layer); got != want {
		t.Errorf("changes of the copy:\n%s\nof the overlay:\n%s", got, want)
	}
	// The layer, put on the image's, is the container again.
	again := filepath.Dir(layer.Upper) + "/again"
	l.must(os.Mkdir(again, 0o755))
	own := applied(t, l, packed(t, whole))
	back, err := os.Open(again)
	l.must(err)
	defer back.Close()
	l.must(Merge(context.Background(), append([]string{own}, layer.Lowers...), back))
	result := l
	result.dir = again
	if got, want := result.tree(), copied.tree(); got != want {
		t.Errorf("after commit:\n%s\nbefore:\n%s", got, want)
	}
}

// applied is a layer's stream as an overlay's directory, for as much as these tests put into one.
func applied(t *testing.T, l lab, stream []byte) string {
	t.Helper()
	out := l
	out.dir = filepath.Join(t.TempDir(), "applied")
	out.must(os.Mkdir(out.dir, 0o755))
	for r := tar.NewReader(bytes.NewReader(stream)); ; {
		h, err := r.Next()
		if err == io.EOF {
			return out.dir
		}
		out.must(err)
		dir, base := filepath.Split(strings.TrimSuffix(h.Name, "/"))
		out.must(os.MkdirAll(filepath.Join(out.dir, dir), 0o755))
		at := filepath.Join(out.dir, dir, base)
		switch gone, isWhiteout := strings.CutPrefix(base, whiteoutPrefix); {
		case isWhiteout:
			out.must(unix.Mknod(filepath.Join(out.dir, dir, gone), unix.S_IFCHR, 0))
		case h.Typeflag == tar.TypeDir:
			out.must(os.MkdirAll(at, 0o755))
		case h.Typeflag == tar.TypeSymlink:
			out.must(os.Symlink(h.Linkname, at))
		default:
			text, err := io.ReadAll(r)
			out.must(err)
			out.must(os.WriteFile(at, text, 0o644))
		}
	}
}

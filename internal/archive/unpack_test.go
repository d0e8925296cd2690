//go:build linux

package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

func TestWhatGoesInComesOut(t *testing.T) {
	l := newLab(t)
	l.make("d/a=1", "d/sub/f=2", "d/link->/etc/passwd", "d/up->../../../..", "to/")
	l.must(os.Link(l.dir+"/d/a", l.dir+"/d/z"))
	l.must(unix.Mkfifo(l.dir+"/d/fifo", 0o600))
	l.must(unix.Mknod(l.dir+"/d/null", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
	l.must(os.Chown(l.dir+"/d/sub/f", 7, 8))
	l.must(unix.Chmod(l.dir+"/d/sub/f", 0o6755))
	l.must(unix.Setxattr(l.dir+"/d/sub/f", "user.mine", []byte("v"), 0))
	l.must(os.Lchown(l.dir+"/d/link", 9, 9))
	l.must(unix.Chmod(l.dir+"/d/sub", 0o1700))
	old := time.Unix(1000000000, 0)
	for _, name := range []string{"/d/sub/f", "/d/sub", "/d"} {
		l.must(os.Chtimes(l.dir+name, old, old))
	}
	first, err := l.pack("/d")
	l.must(err)
	l.must(l.unpack("/to", first, UnpackOptions{}))
	again, err := l.pack("/to/d")
	l.must(err)
	if !bytes.Equal(first, again) {
		t.Errorf("\n%q\n%q", names(t, first), names(t, again))
	}
	var st unix.Stat_t
	l.must(unix.Stat(l.dir+"/to/d/z", &st))
	if st.Nlink != 2 {
		t.Error("the names of one file are two files")
	}
}

func TestAnArchiveMeetsWhatIsThere(t *testing.T) {
	file, dir, link := tar.Header{Name: "x", Linkname: "new"}, tar.Header{Name: "x", Typeflag: tar.TypeDir, Mode: 0o755}, tar.Header{Name: "x", Typeflag: tar.TypeSymlink, Linkname: "y"}
	for _, c := range []struct {
		there   string
		header  tar.Header
		careful bool
		want    string // the tree, or the error
	}{
		{"", file, true, "/x=new"},
		{"x=old", file, true, "/x=new"},
		{"x/y=1", file, false, "/x=new"},
		{"x/y=1", file, true, `cannot overwrite directory "/x" with non-directory "/"`},
		{"x/y=1", dir, true, "/x/ /x/y=1"},
		{"x=old", dir, false, "/x/"},
		{"x=old", dir, true, `cannot overwrite non-directory "/x" with directory "/"`},
		{"x->/y", dir, false, "/x/"},
		{"x->y", file, true, "/x=new"},
		{"x/y=1", link, false, "/x->y"},
		{"x=old", link, true, "/x->y"},
	} {
		l := newLab(t)
		if c.there != "" {
			l.make(c.there)
		}
		err := l.unpack("/", stream(t, c.header), UnpackOptions{NoOverwriteDirNonDir: c.careful})
		got := l.tree()
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%q, then %c: %s, want %s", c.there, c.header.Typeflag, got, c.want)
		}
	}
}

func TestAnArchiveGoesWhereLinksLeadInTheRootAndNowhereElse(t *testing.T) {
	l := newLab(t)
	l.make("real/", "dest/", "dest/in->/real", "dest/out->../../outside", "door->/dest", "file=1")
	l.must(l.unpack("/door", stream(t, tar.Header{Name: "in/f", Linkname: "1"}, tar.Header{Name: "./new/deep/g", Linkname: "2"}, tar.Header{Name: "/abs", Linkname: "3"}), UnpackOptions{}))
	if got, want := l.tree(), "/dest/ /dest/abs=3 /dest/in->/real /dest/new/ /dest/new/deep/ /dest/new/deep/g=2 /dest/out->../../outside /door->/dest /file=1 /real/ /real/f=1"; got != want {
		t.Error(got)
	}
	if err := l.unpack("/door", stream(t, tar.Header{Name: "out/evil"}), UnpackOptions{}); err == nil {
		t.Error("a link that leads to nothing in the root has been followed")
	}
	for dir, kind := range map[string]fault.Kind{"/file": fault.Invalid, "/nothing": fault.NotFound, "/dest/out": fault.NotFound, "/file/x": fault.Internal} {
		if err := l.unpack(dir, stream(t), UnpackOptions{}); fault.KindOf(err) != kind || err == nil {
			t.Errorf("%s: %v", dir, err)
		}
	}
	l.unharmed()
}

func TestHostileEntriesAreRefused(t *testing.T) {
	long := strings.Repeat("n", 300)
	for name, c := range map[string]struct {
		entries []tar.Header
		text    string
	}{
		"a name above":             {[]tar.Header{{Name: "../evil"}}, `"../evil" is outside of "/dest"`},
		"a name above, hidden":     {[]tar.Header{{Name: "a/../../evil"}}, `"../evil" is outside of "/dest"`},
		"a link in the archive":    {[]tar.Header{{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "/../../outside"}, {Name: "l/evil", Linkname: "1"}}, "l"},
		"a link over itself":       {[]tar.Header{{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "l"}, {Name: "l/evil", Linkname: "1"}}, "too many levels"},
		"a hard link out":          {[]tar.Header{{Name: "h", Typeflag: tar.TypeLink, Linkname: "../../outside/secret"}}, "invalid hardlink"},
		"a hard link out, hidden":  {[]tar.Header{{Name: "h", Typeflag: tar.TypeLink, Linkname: "a/../../outside/secret"}}, "invalid hardlink"},
		"a hard link through one":  {[]tar.Header{{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "../../outside"}, {Name: "h", Typeflag: tar.TypeLink, Linkname: "l/secret"}}, "no such file"},
		"a hard link to a dir":     {[]tar.Header{{Name: "d", Typeflag: tar.TypeDir, Mode: 0o755}, {Name: "h", Typeflag: tar.TypeLink, Linkname: "d"}}, "not permitted"},
		"a giant name":             {[]tar.Header{{Name: long}}, "name too long"},
		"a giant path":             {[]tar.Header{{Name: strings.Repeat("dir/", 1100) + "f"}}, "name too long"},
		"a file below a file":      {[]tar.Header{{Name: "f"}, {Name: "f/g"}}, "not a directory"},
		"the destination as file":  {[]tar.Header{{Name: "/", Typeflag: tar.TypeSymlink, Linkname: "x"}}, "cannot overwrite directory"},
		"an unknown kind":          {[]tar.Header{{Name: "k", Typeflag: 'Z'}}, "unhandled tar header type 90"},
		"an owner that cannot be":  {[]tar.Header{{Name: "o", Uid: 1<<32 - 1}}, "invalid argument"},
		"a link to a name with ..": {[]tar.Header{{Name: "..", Typeflag: tar.TypeSymlink, Linkname: "x"}}, "outside"},
	} {
		l := newLab(t)
		l.make("dest/")
		err := l.unpack("/dest", stream(t, c.entries...), UnpackOptions{})
		if err == nil || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v\n%s", name, err, l.tree())
		}
		l.unharmed()
	}
}

func TestAStreamThatEndsTooEarlyLeavesNoHalfFile(t *testing.T) {
	whole := stream(t, tar.Header{Name: "first", Linkname: "1"}, tar.Header{Name: "old", Linkname: strings.Repeat("new", 100000)})
	for _, end := range []int{1024 + 100, 1024 + 512 + 1, 1024 + 512 + 131072, len(whole) - 2000} {
		l := newLab(t)
		l.make("old=as it was")
		err := l.unpack("/", whole[:end], UnpackOptions{})
		if err == nil {
			t.Errorf("after %d bytes: no error", end)
		}
		if tree := strings.TrimPrefix(l.tree(), "/first=1 "); tree != "/old=as it was" {
			t.Errorf("after %d bytes: %.100s", end, tree)
		}
	}
}

func TestAllFilesGetTheOwnerThatWasAskedFor(t *testing.T) {
	l := newLab(t)
	l.must(l.unpack("/", stream(t, tar.Header{Name: "d", Typeflag: tar.TypeDir, Mode: 0o755, Uid: 5}, tar.Header{Name: "d/l", Typeflag: tar.TypeSymlink, Linkname: "x"}, tar.Header{Name: "d/f", Mode: 0o4755}), UnpackOptions{Owner: &Owner{UID: 11, GID: 12}}))
	for _, name := range []string{"d", "d/l", "d/f"} {
		var st unix.Stat_t
		l.must(unix.Lstat(l.dir+"/"+name, &st))
		if st.Uid != 11 || st.Gid != 12 {
			t.Errorf("%s is of %d:%d", name, st.Uid, st.Gid)
		}
		if name == "d/f" && st.Mode&0o7777 != 0o4755 {
			t.Errorf("mode %o", st.Mode)
		}
	}
}

// zeros is an endless reader.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func TestAHugeSparseFileTakesNoSpaceAndNoMemory(t *testing.T) {
	l := newLab(t)
	const size = 1 << 30
	r, w := io.Pipe()
	go func() {
		tw := tar.NewWriter(w)
		tw.WriteHeader(&tar.Header{Name: "huge", Size: size, Mode: 0o600, Typeflag: tar.TypeReg})
		io.CopyN(tw, zeros{}, size)
		w.CloseWithError(tw.Close())
	}()
	l.must(Unpack(context.Background(), l.root, "/", r, UnpackOptions{}))
	var st unix.Stat_t
	l.must(unix.Stat(l.dir+"/huge", &st))
	if st.Size != size || st.Blocks > 1024 {
		t.Errorf("%d bytes in %d blocks", st.Size, st.Blocks)
	}
}

func TestADirectorysTimesComeLastAndOnlyWhereItStillIs(t *testing.T) {
	l := newLab(t)
	old := time.Unix(1000000000, 0)
	dir := tar.Header{Name: "d", Typeflag: tar.TypeDir, Mode: 0o755, ModTime: old}
	l.must(l.unpack("/", stream(t, dir, tar.Header{Name: "d/f", Linkname: "1"}, tar.Header{Name: "e", Typeflag: tar.TypeDir, Mode: 0o755, ModTime: old}, tar.Header{Name: "e", Linkname: "a file", ModTime: time.Unix(5, 0)}), UnpackOptions{}))
	for name, want := range map[string]int64{"d": old.Unix(), "e": 5} {
		st, err := os.Stat(l.dir + "/" + name)
		l.must(err)
		if st.ModTime().Unix() != want {
			t.Errorf("%s: %v", name, st.ModTime())
		}
	}
	if l.tree() != "/d/ /d/f=1 /e=a file" {
		t.Error(l.tree())
	}
}

// TestNothingIsFollowedOutWhileLinksAreSwapped has a "container" exchange a directory
// and a link to the outside as fast as it can, while archives go in and out.
func TestNothingIsFollowedOutWhileLinksAreSwapped(t *testing.T) {
	l := newLab(t)
	l.make("a/b/secret=of the container", "swap->../../outside")
	l.must(os.Symlink(l.outside, l.dir+"/evil"))
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
			}
			for _, other := range []string{"/swap", "/evil"} {
				unix.Renameat2(unix.AT_FDCWD, l.dir+"/a/b", unix.AT_FDCWD, l.dir+other, unix.RENAME_EXCHANGE)
				unix.Renameat2(unix.AT_FDCWD, l.dir+"/a/b", unix.AT_FDCWD, l.dir+other, unix.RENAME_EXCHANGE)
			}
		}
	}()
	in := stream(t, tar.Header{Name: "b/secret", Linkname: "of the container", Uid: 5, Mode: 0o777}, tar.Header{Name: "b/h", Typeflag: tar.TypeLink, Linkname: "b/secret"},
		tar.Header{Name: "b/dir/x", Linkname: "1"}, tar.Header{Name: "b/dir", Linkname: "2"}, tar.Header{Name: "b/p", Typeflag: tar.TypeFifo, Mode: 0o777})
	read, wrote := 0, 0
	for end := time.Now().Add(4 * time.Second); time.Now().Before(end); {
		for _, ask := range []string{"/a/b/secret", "/a/b/", "/a"} {
			out, err := l.pack(ask)
			if bytes.Contains(out, []byte("of the host")) {
				t.Fatal("a file of the host was read")
			}
			if err == nil && bytes.Contains(out, []byte("of the container")) {
				read++
			}
			if r, err := Locate(l.root, ask); err == nil {
				r.Stat(l.root, ask)
				r.Close()
			}
		}
		for _, to := range []string{"/a", "/a/b/.."} {
			if l.unpack(to, in, UnpackOptions{}) == nil {
				wrote++
			}
		}
	}
	close(stop)
	<-stopped
	l.unharmed()
	if read == 0 || wrote == 0 {
		t.Errorf("the race was never won: %d reads, %d writes", read, wrote)
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add(stream(f, tar.Header{Name: "a/b", Linkname: "1"}, tar.Header{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "/../outside"}, tar.Header{Name: "l/x"}), false)
	f.Add(stream(f, tar.Header{Name: "../x"}, tar.Header{Name: "h", Typeflag: tar.TypeLink, Linkname: "../outside/secret"}), true)
	f.Add(stream(f, tar.Header{Name: "d", Typeflag: tar.TypeDir}, tar.Header{Name: "d", Linkname: "2"}, tar.Header{Name: "d/", Typeflag: tar.TypeDir, PAXRecords: map[string]string{"SCHILY.xattr.user.a": "b"}}), false)
	f.Fuzz(func(t *testing.T, in []byte, careful bool) {
		l := newLab(t)
		l.make("dest/there/f=1", "dest/link->/../outside", "dest/abs->"+l.outside)
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second) // a sparse file may be said to be huge
		defer cancel()
		err := Unpack(ctx, l.root, "/dest", bytes.NewReader(in), UnpackOptions{NoOverwriteDirNonDir: careful})
		l.unharmed()
		if out, _ := l.pack("/"); bytes.Contains(out, []byte("of the host")) {
			t.Errorf("the host's file is in the container (%v)", err)
		}
	})
}

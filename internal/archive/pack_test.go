//go:build linux

package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

func TestAnArchiveIsNamedAsItWasAskedFor(t *testing.T) {
	l := newLab(t)
	l.make("etc/conf/a=1", "etc/b=2", "link->etc/conf", "file->/etc/b", "dangling->/nowhere/at/all", "abs->/etc")
	for ask, want := range map[string]string{
		"/etc/b":        "b",
		"etc/b":         "b",
		"/etc/conf":     "conf/ conf/a",
		"/etc/conf/":    "conf/ conf/a",
		"/etc/conf/.":   "./ ./a",
		"/link":         "link->etc/conf",
		"/link/":        "link/ link/a",
		"/link/.":       "./ ./a",
		"/link/a":       "a",
		"/abs/conf/a":   "a",
		"/file":         "file->/etc/b",
		"/dangling":     "dangling->/nowhere/at/all",
		"/etc/../etc/b": "b",
		"/../../etc/b":  "b",
		"/etc/.":        "./ ./b ./conf/ ./conf/a",
		"/":             "/ /abs->/etc /dangling->/nowhere/at/all /etc/ /etc/b /etc/conf/ /etc/conf/a /file->/etc/b /link->etc/conf",
	} {
		got, err := l.pack(ask)
		if err != nil || names(t, got) != want {
			t.Errorf("%s: %s %v, want %s", ask, names(t, got), err, want)
		}
	}
}

func TestWhatIsNotThereAndWhatIsBelowAFileAreDifferentErrors(t *testing.T) {
	l := newLab(t)
	l.make("f=1", "d/", "loop->loop")
	for ask, kind := range map[string]fault.Kind{
		"/nothing": fault.NotFound, "/d/nothing": fault.NotFound, "/nothing/x": fault.NotFound, "/nothing/": fault.NotFound,
		"/f/": fault.Internal, "/f/.": fault.Internal, "/f/x": fault.Internal, "/loop/": fault.Internal, "/" + strings.Repeat("n", 300): fault.Internal,
	} {
		if _, err := l.pack(ask); err == nil || fault.KindOf(err) != kind {
			t.Errorf("%.20s: kind %v, %v", ask, fault.KindOf(err), err)
		}
	}
}

func TestAPathIsTold(t *testing.T) {
	l := newLab(t)
	l.make("etc/conf/a=1234", "link->etc/conf", "far->/etc/../../../outside/secret", "loop->loop", "dangling->nowhere/../x/y")
	l.must(os.Chmod(l.dir+"/etc/conf/a", 0o751|os.ModeSetuid))
	for ask, want := range map[string]Stat{
		"/etc/conf/a": {Name: "a", Size: 4, Mode: 0o751 | os.ModeSetuid},
		"/etc/conf/":  {Name: "conf", Mode: 0o755 | os.ModeDir},
		"/etc/.":      {Name: ".", Mode: 0o755 | os.ModeDir},
		"/":           {Name: "/", Mode: 0o755 | os.ModeDir},
		"/link":       {Name: "link", Size: 8, Mode: 0o777 | os.ModeSymlink, LinkTarget: "/etc/conf"},
		"/far":        {Name: "far", Size: 28, Mode: 0o777 | os.ModeSymlink, LinkTarget: "/outside/secret"},
		"/dangling":   {Name: "dangling", Size: 14, Mode: 0o777 | os.ModeSymlink, LinkTarget: "/x/y"},
	} {
		r, err := Locate(l.root, ask)
		l.must(err)
		got, err := r.Stat(l.root, ask)
		r.Close()
		if got.Mtime.IsZero() {
			t.Errorf("%s has no time", ask)
		}
		if got.Mode.IsDir() {
			got.Size = 0
		}
		got.Mtime = want.Mtime
		if err != nil || got != want {
			t.Errorf("%s: %+v %v", ask, got, err)
		}
	}
	r, err := Locate(l.root, "/loop")
	l.must(err)
	defer r.Close()
	if _, err := r.Stat(l.root, "/loop"); err == nil {
		t.Error("a link to itself has been followed to its end")
	}
}

func TestAnArchiveHoldsEveryKindOfFileAndLeavesSocketsOut(t *testing.T) {
	l := newLab(t)
	l.make("d/a=1", "d/empty/")
	l.must(os.Link(l.dir+"/d/a", l.dir+"/d/b"))
	l.must(unix.Mkfifo(l.dir+"/d/fifo", 0o600))
	l.must(unix.Mknod(l.dir+"/d/null", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
	l.must(unix.Mknod(l.dir+"/d/ram", unix.S_IFBLK|0o600, int(unix.Mkdev(1, 0))))
	s, err := net.Listen("unix", l.dir+"/d/sock")
	l.must(err)
	defer s.Close()
	l.must(os.WriteFile(l.dir+"/d/\xff not utf-8", nil, 0o600))
	l.must(os.WriteFile(l.dir+"/d/"+strings.Repeat("long", 60), nil, 0o600))
	got, err := l.pack("/d")
	want := "d/ d/a d/b=>d/a d/empty/ d/fifo| d/" + strings.Repeat("long", 60) + " d/null#31,3 d/ram#41,0 d/\xff not utf-8"
	if err != nil || names(t, got) != want {
		t.Errorf("%s %v", names(t, got), err)
	}
}

func TestAHeaderIsDockers(t *testing.T) {
	l := newLab(t)
	l.make("d/f=12")
	f := l.dir + "/d/f"
	l.must(os.Chown(f, 1000, 70000))
	l.must(unix.Chmod(f, 0o4751))
	l.must(unix.UtimesNanoAt(unix.AT_FDCWD, f, []unix.Timespec{{Sec: 5, Nsec: 5}, {Sec: 1700000000, Nsec: 999999999}}, 0))
	capability := "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	l.must(unix.Setxattr(f, "security.capability", []byte(capability), 0))
	l.must(unix.Setxattr(f, "user.mine", []byte("a\x00b"), 0))
	l.must(unix.Setxattr(f, "user.strange=name", []byte("x"), 0))
	l.must(unix.Setxattr(f, "trusted.other", []byte("x"), 0))
	got, err := l.pack("/d/f")
	l.must(err)
	h, err := tar.NewReader(bytes.NewReader(got)).Next()
	l.must(err)
	if h.Mode != 0o104751 || h.Uid != 1000 || h.Gid != 70000 || h.Uname+h.Gname != "" || h.ModTime.UnixNano() != 1700000000e9 || !h.AccessTime.IsZero() || h.Size != 2 {
		t.Errorf("%+v", h)
	}
	if len(h.PAXRecords) != 2 || h.PAXRecords["SCHILY.xattr.security.capability"] != capability || h.PAXRecords["SCHILY.xattr.user.mine"] != "a\x00b" {
		t.Errorf("%q", h.PAXRecords)
	}
}

// growing is a stream's reader who changes the file that is being written into it.
type growing struct {
	once func()
}

func (g *growing) Write(b []byte) (int, error) {
	if g.once != nil {
		g.once()
		g.once = nil
	}
	return len(b), nil
}

func TestAFileThatGrowsOrShrinksWhileItIsReadDoesNotBreakTheStream(t *testing.T) {
	for size := range map[int64]bool{0: true, 3 << 20: true} {
		l := newLab(t)
		l.make("f=" + strings.Repeat("x", 1<<20))
		r, err := Locate(l.root, "/f")
		l.must(err)
		var out bytes.Buffer
		g := &growing{once: func() { l.must(os.Truncate(l.dir+"/f", size)) }}
		l.must(r.Pack(NewPacker(context.Background(), io.MultiWriter(g, &out))))
		r.Close()
		tr := tar.NewReader(&out)
		_, err = tr.Next()
		l.must(err)
		if n, err := io.Copy(io.Discard, tr); n != 1<<20 || err != nil {
			t.Errorf("%d bytes, %v", n, err)
		}
	}
}

func TestATreeThatNobodyCanNameIsRefusedAndNotFollowedForEver(t *testing.T) {
	l := newLab(t)
	at := int(l.root.Fd())
	var fds []int
	for range 60 {
		name := strings.Repeat("d", 100)
		l.must(unix.Mkdirat(at, name, 0o755))
		fd, err := unix.Openat(at, name, unix.O_PATH, 0)
		l.must(err)
		fds = append(fds, fd)
		at = fd
	}
	defer func() {
		for _, fd := range fds {
			unix.Close(fd)
		}
		l.must(removeAll(int(l.root.Fd()), strings.Repeat("d", 100)))
	}()
	if _, err := l.pack("/"); !fault.Is(err, fault.Invalid) {
		t.Error(err)
	}
}

func TestAnArchiveThatNobodyWantsAnyMoreEnds(t *testing.T) {
	l := newLab(t)
	l.make("a=1", "b=2")
	r, err := Locate(l.root, "/")
	l.must(err)
	defer r.Close()
	ctx, cancel := context.WithCancel(context.Background())
	g := &growing{once: cancel}
	if err := r.Pack(NewPacker(ctx, g)); !fault.Is(err, fault.Cancelled) {
		t.Error(err)
	}
	if err := Unpack(ctx, l.root, "/", bytes.NewReader(stream(t, tar.Header{Name: "new"})), UnpackOptions{}); !fault.Is(err, fault.Cancelled) {
		t.Error(err)
	}
	if l.tree() != "/a=1 /b=2" {
		t.Error(l.tree())
	}
}

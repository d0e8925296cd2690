//go:build linux

package archive

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/linux/mount"
)

// layerLab is an image of two layers with a container over it, whose root is the lab's.
func layerLab(t *testing.T) (lab, Layer) {
	t.Helper()
	l := newLab(t)
	base := filepath.Dir(l.dir)
	bottom, top, upper, work := base+"/bottom", base+"/top", base+"/upper", base+"/work"
	for _, dir := range []string{bottom, top, upper, work} {
		l.must(os.Mkdir(dir, 0o755))
	}
	low := l
	low.dir = bottom
	low.make("etc/passwd=root", "etc/group=g", "old/sub/g=1", "old/f=2", "deep/dir/file=3", "gone/x=4", "tmp/", "lib->usr/lib", "usr/lib/so=5", "became/file=6", "hidden/below=7")
	low.dir = top
	low.make("etc/added=t", "hidden/top=8", "usr/lib/more=9")
	l.must(unix.Setxattr(top+"/hidden", "trusted.overlay.opaque", []byte("y"), 0))
	l.must(unix.Mknod(top+"/gone", unix.S_IFCHR, 0))
	layer := Layer{Upper: upper, Lowers: []string{top, bottom}}
	root, err := mount.Overlay(layer.Lowers, upper, work)
	l.must(err)
	t.Cleanup(func() { root.Close() })
	l.root, l.dir = root, fdPath(int(root.Fd()))
	return l, layer
}

func shown(t *testing.T, layer Layer) string {
	t.Helper()
	list, err := layer.Changes(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, c := range list {
		out = append(out, string("CAD"[c.Kind])+c.Path)
	}
	return strings.Join(out, " ")
}

func packed(t *testing.T, layer Layer) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := layer.Pack(context.Background(), &out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestChangesAreTheDifferenceFromTheImage(t *testing.T) {
	for name, c := range map[string]struct {
		do          func(l lab)
		want, layer string
	}{
		"nothing":                     {func(lab) {}, "", ""},
		"a file changed":              {func(l lab) { l.make("etc/passwd=changed") }, "C/etc C/etc/passwd", "etc/ etc/passwd"},
		"a file added":                {func(l lab) { l.make("etc/new=1", "x/y/z=2") }, "C/etc A/etc/new A/x A/x/y A/x/y/z", "etc/ etc/new x/ x/y/ x/y/z"},
		"a file removed":              {func(l lab) { l.must(os.Remove(l.dir + "/deep/dir/file")) }, "C/deep C/deep/dir D/deep/dir/file", "deep/ deep/dir/ deep/dir/.wh.file"},
		"a directory removed":         {func(l lab) { l.must(os.RemoveAll(l.dir + "/old")) }, "D/old", ".wh.old"},
		"what was added is gone":      {func(l lab) { l.make("n=1"); l.must(os.Remove(l.dir + "/n")) }, "", ""},
		"again what the image lost":   {func(l lab) { l.make("gone/y=1", "hidden/below=2") }, "A/gone A/gone/y C/hidden A/hidden/below", "gone/ gone/y hidden/ hidden/below"},
		"a directory made anew":       {func(l lab) { l.must(os.RemoveAll(l.dir + "/old")); l.make("old/f=2", "old/n=1") }, "C/old C/old/f A/old/n D/old/sub", "old/ old/.wh..wh..opq old/f old/n"},
		"a directory that is a file":  {func(l lab) { l.must(os.RemoveAll(l.dir + "/became")); l.make("became=1") }, "C/became", "became"},
		"a file that is a directory":  {func(l lab) { l.must(os.Remove(l.dir + "/etc/group")); l.make("etc/group/f=1") }, "C/etc C/etc/group A/etc/group/f", "etc/ etc/group/ etc/group/.wh..wh..opq etc/group/f"},
		"another mode":                {func(l lab) { l.must(os.Chmod(l.dir+"/tmp", 0o700)) }, "C/tmp", "tmp/"},
		"another owner":               {func(l lab) { l.must(os.Chown(l.dir+"/etc/passwd", 1, 1)) }, "C/etc C/etc/passwd", "etc/ etc/passwd"},
		"another link":                {func(l lab) { l.must(os.Remove(l.dir + "/lib")); l.make("lib->usr/lib64") }, "C/lib", "lib->usr/lib64"},
		"through a link":              {func(l lab) { l.make("lib/so=changed") }, "C/usr C/usr/lib C/usr/lib/so", "usr/ usr/lib/ usr/lib/so"},
		"the engine's places":         {func(l lab) { l.make("etc/hosts=", "etc/hostname=", "etc/resolv.conf=", "proc/", "sys/", "dev/") }, "", ""},
		"more than the places":        {func(l lab) { l.make("etc/hosts=", "etc/new=1", "dev/mine=1") }, "C/dev A/dev/mine C/etc A/etc/new", "dev/ dev/mine etc/ etc/new"},
		"a place that was written to": {func(l lab) { l.make("etc/hosts=own") }, "C/etc C/etc/hosts", "etc/ etc/hosts"},
		"the places, and a mode":      {func(l lab) { l.make("etc/hosts="); l.must(os.Chmod(l.dir+"/etc", 0o700)) }, "C/etc", "etc/"},
		"touched and put back": {func(l lab) {
			st, err := os.Stat(l.dir + "/etc/passwd")
			l.must(err)
			l.make("etc/passwd=root")
			l.must(os.Chtimes(l.dir+"/etc/passwd", st.ModTime(), st.ModTime()))
		}, "", "etc/ etc/passwd"},
		"capabilities": {func(l lab) {
			l.must(unix.Setxattr(l.dir+"/etc/passwd", "security.capability", []byte("\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), 0))
		}, "C/etc C/etc/passwd", "etc/ etc/passwd"},
	} {
		l, layer := layerLab(t)
		c.do(l)
		if got := sorted(strings.Join(strings.Fields(shown(t, layer)), " ")); got != sorted(c.want) {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		if got := names(t, packed(t, layer)); got != c.layer {
			t.Errorf("%s: the layer is %s, want %s", name, got, c.layer)
		}
	}
}

func TestTheSameTreeIsTheSameLayer(t *testing.T) {
	var first []byte
	for range 2 {
		l, layer := layerLab(t)
		l.make("z=1", "a/b=2", "a/c->d")
		l.must(os.Remove(l.dir + "/etc/passwd"))
		l.must(os.Remove(l.dir + "/etc/group"))
		at := time.Unix(1700000000, 0)
		for _, name := range []string{"z", "a/b", "a/c", "a", "etc"} {
			ts := unix.NsecToTimespec(at.UnixNano())
			l.must(unix.UtimesNanoAt(unix.AT_FDCWD, l.dir+"/"+name, []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW))
		}
		time.Sleep(1100 * time.Millisecond) // when something was removed is not in the layer
		if got := packed(t, layer); first == nil {
			first = got
		} else if !bytes.Equal(first, got) {
			t.Errorf("\n%s\n%s", names(t, first), names(t, got))
		}
	}
}

func TestAFileThatWouldMeanADeletionIsRefused(t *testing.T) {
	l, layer := layerLab(t)
	l.make("etc/.wh.passwd=1")
	if err := layer.Pack(context.Background(), &bytes.Buffer{}); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "/etc/.wh.passwd") {
		t.Error(err)
	}
	if got := shown(t, layer); got != "C/etc A/etc/.wh.passwd" {
		t.Error(got)
	}
}

func TestAnOverlaysMarksAreNoFilesOfAContainer(t *testing.T) {
	l, _ := layerLab(t)
	err := l.unpack("/", stream(t, headerWith("d", map[string]string{"SCHILY.xattr.trusted.overlay.opaque": "y", "SCHILY.xattr.user.mine": "1"})), UnpackOptions{})
	l.must(err)
	got, err := l.pack("/d")
	if l.must(err); !bytes.Contains(got, []byte("SCHILY.xattr.user.mine")) || bytes.Contains(got, []byte("overlay")) {
		t.Errorf("%q", got)
	}
}

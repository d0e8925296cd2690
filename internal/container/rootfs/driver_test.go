//go:build linux

package rootfs

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

func TestTheFirstDriverThatWorksIsTaken(t *testing.T) {
	no := errors.New("no such device")
	failing := func(which ...Driver) func(Driver) error {
		return func(d Driver) error {
			for _, w := range which {
				if d == w {
					return no
				}
			}
			return nil
		}
	}
	for _, c := range []struct {
		asked Driver
		works func(Driver) error
		want  Driver
		why   []string
		err   bool
	}{
		{"", failing(), Overlay, nil, false},
		{"", failing(Overlay), Fuse, []string{"overlayfs: no such device"}, false},
		{"", failing(Overlay, Fuse), Copies, []string{"overlayfs: no such device", "fuse-overlayfs: no such device"}, false},
		{Copies, failing(), Copies, nil, false},
		{Fuse, failing(Fuse), Fuse, nil, true},
	} {
		d, why, err := Choose(c.asked, c.works)
		if d != c.want || !reflect.DeepEqual(why, c.why) || (err != nil) != c.err || err != nil && !fault.Is(err, fault.Unavailable) {
			t.Errorf("%q: %s %q %v", c.asked, d, why, err)
		}
	}
	for word, want := range map[string]Driver{"": "", "overlay2": Overlay, "overlayfs": Overlay, "fuse-overlayfs": Fuse, "vfs": Copies} {
		if d, err := Parse(word); d != want || err != nil {
			t.Errorf("%q: %s, %v", word, d, err)
		}
	}
	if _, err := Parse("zfs"); !fault.Is(err, fault.Invalid) {
		t.Error(err)
	}
}

// One contract, three drivers.
func TestEveryDriverShowsTheLayersAndKeepsChanges(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: it mounts")
	}
	for _, d := range []Driver{Overlay, Fuse, Copies} {
		t.Run(string(d), func(t *testing.T) {
			if _, err := exec.LookPath(fuseProgram); d == Fuse && err != nil {
				t.Skip("needs fuse-overlayfs")
			}
			base := t.TempDir()
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			for _, dir := range []string{"bottom/etc", "bottom/gone", "top/etc", "layer/upper", "layer/work"} {
				must(os.MkdirAll(filepath.Join(base, dir), 0o755))
			}
			must(os.WriteFile(base+"/bottom/etc/a", []byte("a"), 0o640))
			must(os.WriteFile(base+"/bottom/gone/x", []byte("x"), 0o644))
			must(os.WriteFile(base+"/top/etc/b", []byte("b"), 0o644))
			must(unix.Mknod(base+"/top/gone", unix.S_IFCHR, 0))
			lowers, layer := []string{base + "/top", base + "/bottom"}, base+"/layer"
			root := func() string {
				f, err := d.Mount(context.Background(), lowers, layer, nil)
				must(err)
				t.Cleanup(func() { f.Close() })
				return "/proc/self/fd/" + strconv.Itoa(int(f.Fd()))
			}
			at := root()
			for name, want := range map[string]string{"/etc/a": "a", "/etc/b": "b"} {
				if text, err := os.ReadFile(at + name); string(text) != want || err != nil {
					t.Errorf("%s: %q, %v", name, text, err)
				}
			}
			if _, err := os.Lstat(at + "/gone"); err == nil {
				t.Error("what a layer has removed is there")
			}
			must(os.WriteFile(at+"/etc/a", []byte("changed"), 0o640))
			must(os.Remove(at + "/etc/b"))
			must(os.WriteFile(at+"/new", []byte("new"), 0o644))
			must(os.MkdirAll(at+"/dir/in", 0o755))
			own, release, err := d.Layer(lowers, layer)
			must(err)
			defer release()
			changes, err := own.Changes(context.Background())
			must(err)
			var seen []string
			for _, c := range changes {
				seen = append(seen, string("CAD"[c.Kind])+c.Path)
			}
			if want := []string{"A/dir", "A/dir/in", "C/etc", "C/etc/a", "D/etc/b", "A/new"}; !reflect.DeepEqual(seen, want) {
				t.Errorf("changes %q", seen)
			}
			dir, done, err := Dir(layer)
			must(err)
			defer done()
			if text, err := os.ReadFile(dir + "/new"); string(text) != "new" || err != nil {
				t.Errorf("the container's own files: %q, %v", text, err)
			}
			if below, _ := os.ReadFile(base + "/bottom/etc/a"); string(below) != "a" {
				t.Errorf("the image has changed: %q", below)
			}
		})
	}
}

func TestAContainerOfAnOverlayIsCopiedWithWhatItHasAndStaysACopy(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: files get owners")
	}
	base := t.TempDir()
	for _, dir := range []string{"image", "layer/upper", "layer/work", "layer/whole.part/rest"} { // of a daemon that was killed
		if err := os.MkdirAll(filepath.Join(base, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.WriteFile(base+"/image/a", []byte("a"), 0o644), os.WriteFile(base+"/layer/upper/b", []byte("b"), 0o644)); err != nil {
		t.Fatal(err)
	}
	for _, d := range []Driver{Copies, Overlay} {
		f, err := d.Mount(context.Background(), []string{base + "/image"}, base+"/layer", nil)
		if err != nil {
			t.Fatal(err)
		}
		entries, err := os.ReadDir("/proc/self/fd/" + strconv.Itoa(int(f.Fd())))
		f.Close()
		if err != nil || len(entries) != 2 {
			t.Errorf("%s: %v, %v", d, entries, err)
		}
	}
	if _, err := os.Lstat(base + "/layer/whole.part"); err == nil {
		t.Error("half of a copy is left")
	}
}

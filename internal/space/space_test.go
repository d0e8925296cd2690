//go:build linux

package space

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/linux/loop"
)

func made(t *testing.T, size int64) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root: it mounts")
	}
	dir := filepath.Join(t.TempDir(), "d")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Make(dir, size); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := Remove(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestADirectoryWithASizeHoldsThatMuchAndNoMore(t *testing.T) {
	for _, size := range []int64{1 << 20, 20 << 20, 300 << 20, 3 << 30, 100 << 30} {
		dir := made(t, size)
		o, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		var st unix.Statfs_t
		if err := unix.Statfs(o.Path, &st); err != nil {
			t.Fatal(err)
		}
		if free := int64(st.Bavail) * st.Bsize; free < size || free > size+size/32+(2<<20) {
			t.Errorf("of %d bytes %d are free", size, free)
		}
		if size == 20<<20 {
			if err := os.WriteFile(o.Path+"/fits", make([]byte, size*9/10), 0o600); err != nil {
				t.Error(err)
			}
			if err := os.WriteFile(o.Path+"/more", make([]byte, size), 0o600); !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EDQUOT) {
				t.Errorf("more than it holds: %v", err)
			}
		}
		o.Close()
	}
}

func TestAnImageIsTheSameForAllWhoOpenItAndItsDeviceGoesWithTheLast(t *testing.T) {
	dir := made(t, 4<<20)
	if !Imaged(dir) {
		t.Skip("the directory has a quota, and needs no image")
	}
	first, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(first.Path+"/a", []byte("a"), 0o600); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(second.Path + "/a"); string(text) != "a" || err != nil {
		t.Errorf("the other sees %q, %v", text, err)
	}
	first.Close()
	err = Within(dir, func() error {
		text, err := os.ReadFile(dir + "/a")
		if string(text) != "a" {
			t.Errorf("within the directory there is %q", text)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(dir + "/a"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the host sees it: %v", err)
	}
	second.Close()
	image, err := os.Open(dir + imageSuffix)
	if err != nil {
		t.Fatal(err)
	}
	defer image.Close()
	for range 1000 { // the kernel clears a device when it gets to it
		dev, err := loop.Find(image)
		if err != nil {
			t.Fatal(err)
		}
		if dev == nil {
			return
		}
		dev.Close()
		unix.Nanosleep(&unix.Timespec{Nsec: 5e6}, nil)
	}
	t.Error("the loop device stays")
}

func TestASizeThatCannotBeIsRefusedAndLeavesNothing(t *testing.T) {
	dir := t.TempDir() + "/d"
	for _, size := range []int64{0, 5, Least - 1} {
		if err := Make(dir, size); !fault.Is(err, fault.Invalid) {
			t.Errorf("%d: %v", size, err)
		}
	}
	if err := makeImage(dir+imageSuffix, 1<<62); !fault.Is(err, fault.Invalid) {
		t.Error(err)
	}
	if Imaged(dir) {
		t.Error("an image is left")
	}
}

func TestTheFirstProgramThatIsHereAndIsForTheSizeMakesAnImage(t *testing.T) {
	here := func(programs ...string) func(string) (string, error) {
		return func(name string) (string, error) {
			if strings.Contains(strings.Join(programs, " "), name) {
				return "/sbin/" + name, nil
			}
			return "", os.ErrNotExist
		}
	}
	for _, c := range []struct {
		here []string
		size int64
		want string
	}{
		{[]string{"mkfs.ext4", "mkfs.xfs"}, 1 << 30, "ext4"}, {[]string{"mkfs.ext4"}, Least, "ext4"}, {[]string{"mkfs.xfs"}, 1 << 30, "xfs"},
		{[]string{"mkfs.xfs"}, 100 << 20, ""}, {nil, 1 << 30, ""},
	} {
		m, path, all, err := chooseMaker(makers(), c.size, here(c.here...))
		if m.kind != c.want || (c.want == "") != fault.Is(err, fault.Unsupported) || c.want != "" && (path != "/sbin/mkfs."+c.want || all <= c.size) {
			t.Errorf("%v, %d: %s %s %d %v", c.here, c.size, m.kind, path, all, err)
		}
	}
}

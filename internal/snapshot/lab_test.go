//go:build linux

package snapshot

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// lab is a home with files, on some file system.
type lab struct {
	t    *testing.T
	s    *Service
	home string
	sub  Subject
}

// newLab makes one in a directory.
func newLab(t *testing.T, base string) *lab {
	t.Helper()
	l := &lab{t: t, s: New(), home: filepath.Join(base, "home")}
	l.sub = Subject{
		Title: "volume data", Home: l.home, Tree: "_data",
		Still: func(ctx context.Context, window time.Duration, do func(context.Context) error) (time.Duration, error) {
			return 0, do(ctx)
		},
		Idle: func(_ context.Context, do func() error) error { return do() },
	}
	l.must(os.MkdirAll(l.data(), 0o755))
	t.Cleanup(l.s.Close)
	return l
}

func (l *lab) data(names ...string) string {
	return filepath.Join(append([]string{l.home, "_data"}, names...)...)
}

func (l *lab) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) write(name, text string) {
	l.t.Helper()
	l.must(os.WriteFile(l.data(name), []byte(text), 0o644))
}

// fileSystems are those that snapshots are tried on, with what makes them.
func fileSystems() map[string][]string {
	return map[string][]string{
		"ext4":  {"mkfs.ext4", "-q", "-F"},
		"xfs":   {"mkfs.xfs", "-q", "-m", "reflink=1"},
		"btrfs": {"mkfs.btrfs", "-q"},
	}
}

// mounted makes a file system of a kind in a file, of so many bytes, and mounts it for the test.
func mounted(t *testing.T, kind string, size int64) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root: it mounts")
	}
	base := t.TempDir()
	image, at := filepath.Join(base, "image"), filepath.Join(base, "at")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, size); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(at, 0o755); err != nil {
		t.Fatal(err)
	}
	mkfs := append(fileSystems()[kind], image)
	for _, argv := range [][]string{mkfs, {"mount", "-o", "loop", image, at}} {
		if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v: %s", argv, err, out)
		}
	}
	t.Cleanup(func() {
		if err := unix.Unmount(at, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return at
}

// listing is everything that other programs see of a tree: find and getfattr.
func listing(t *testing.T, dir string) string {
	t.Helper()
	script := `cd "$1" && find . -printf '%P %y %m %U %G %n %T@ %l ' \( -type d -printf '\n' -o -printf '%s\n' \) | sort
		find . -print0 | sort -z | xargs -0 getfattr -h -d -m - -e hex
		find . -type f -print0 | sort -z | xargs -0 -r sha256sum
		find . \( -type c -o -type b \) -print0 | sort -z | xargs -0 -r stat -c '%n %t:%T'`
	out, err := exec.Command("sh", "-c", script, "sh", dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// strange fills a directory with everything that a tree can have.
func strange(t *testing.T, dir string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	must(os.MkdirAll(at("deep/er/still"), 0o750))
	must(os.WriteFile(at("deep/er/file"), []byte("content"), 0o640))
	must(os.WriteFile(at("empty"), nil, 0o600))
	must(os.WriteFile(at("rights"), []byte("#!"), 0o755))
	must(os.Chown(at("rights"), 1000, 1001))
	must(unix.Chmod(at("rights"), 0o6755))
	must(unix.Setxattr(at("rights"), "security.capability", []byte{1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 0))
	must(os.Link(at("deep/er/file"), at("a second name")))
	must(os.Link(at("deep/er/file"), at("deep/third")))
	must(os.Symlink("/etc/passwd", at("absolute link")))
	must(os.Symlink("nowhere", at("dangling")))
	must(os.Lchown(at("dangling"), 7, 8))
	must(unix.Mkfifo(at("fifo"), 0o620))
	must(unix.Mknod(at("socket"), unix.S_IFSOCK|0o660, 0))
	must(unix.Mknod(at("whiteout"), unix.S_IFCHR, 0))
	must(unix.Mknod(at("null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
	must(os.WriteFile(at("line\nbreak \\ \xff"), []byte("odd"), 0o644))
	must(unix.Setxattr(at("deep"), "trusted.overlay.opaque", []byte("y"), 0))
	must(unix.Setxattr(at("empty"), "user.note", []byte("with\x00zero"), 0))
	must(unix.Lsetxattr(at("dangling"), "trusted.mark", []byte("on a link"), 0))
	if out, err := exec.Command("setfacl", "-m", "u:1234:rwx,d:g:77:rx", at("deep/er")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	sparse, err := os.Create(at("sparse"))
	must(err)
	_, err = sparse.WriteAt([]byte("in the middle"), 3<<20)
	must(err)
	must(sparse.Truncate(32 << 20))
	must(sparse.Close())
	old := time.Date(2001, 2, 3, 4, 5, 6, 789, time.UTC)
	for _, name := range []string{"empty", "deep/er", "deep", "fifo", "."} {
		must(os.Chtimes(at(name), old, old))
	}
	must(unix.UtimesNanoAt(unix.AT_FDCWD, at("dangling"), []unix.Timespec{{Sec: 1}, {Sec: 2, Nsec: 3}}, unix.AT_SYMLINK_NOFOLLOW))
}

// same fails with the lines that only one of two listings has.
func same(t *testing.T, what, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	only := func(a, b []string) []string {
		return slices.DeleteFunc(slices.Clone(a), func(line string) bool { return slices.Contains(b, line) })
	}
	t.Errorf("%s: too much %q, missing %q", what, only(a, b), only(b, a))
}

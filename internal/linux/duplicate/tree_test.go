//go:build linux

package duplicate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// everything makes a tree of all that a tree can hold.
func everything(t *testing.T, dir string) {
	t.Helper()
	old := time.Unix(1_000_000_000, 123_456_789)
	must(t, os.MkdirAll(dir+"/a/b/c", 0o755))
	must(t, os.WriteFile(dir+"/a/plain", []byte("text"), 0o600))
	must(t, os.WriteFile(dir+"/a/empty", nil, 0o644))
	must(t, os.WriteFile(dir+"/a/setuid", []byte("program"), 0o755))
	must(t, os.Chown(dir+"/a/setuid", 1234, 5678))
	must(t, os.Chmod(dir+"/a/setuid", os.ModeSetuid|os.ModeSetgid|0o755))
	// CAP_NET_RAW, permitted and effective, as setcap(8) writes it
	must(t, unix.Setxattr(dir+"/a/setuid", "security.capability", []byte("\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), 0))
	must(t, unix.Setxattr(dir+"/a/plain", "user.colour", []byte("blue"), 0))
	must(t, unix.Setxattr(dir+"/a/plain", "user.nothing", nil, 0))
	must(t, unix.Setxattr(dir+"/a/plain", "trusted.secret", []byte{0, 1, 2}, 0))
	must(t, unix.Setxattr(dir+"/a/plain", "system.posix_acl_access", acl, 0))
	must(t, unix.Setxattr(dir+"/a/b", "system.posix_acl_default", acl, 0))
	must(t, os.Link(dir+"/a/plain", dir+"/a/b/same"))
	must(t, os.Link(dir+"/a/plain", dir+"/again"))
	must(t, os.Symlink("/etc/passwd", dir+"/a/out"))
	must(t, os.Symlink(strings.Repeat("x", 1000), dir+"/a/long"))
	must(t, os.Lchown(dir+"/a/out", 11, 12))
	must(t, unix.Lsetxattr(dir+"/a/out", "trusted.link", []byte("yes"), 0))
	must(t, unix.Mkfifo(dir+"/a/fifo", 0o622))
	must(t, unix.Mknod(dir+"/a/socket", unix.S_IFSOCK|0o755, 0))
	must(t, unix.Mknod(dir+"/a/null", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
	must(t, unix.Mknod(dir+"/a/loop", unix.S_IFBLK|0o660, int(unix.Mkdev(7, 99))))
	must(t, unix.Setxattr(dir+"/a/fifo", "trusted.fifo", []byte("x"), 0))
	must(t, os.Chown(dir+"/a/fifo", 3, 4))
	sparse, err := os.Create(dir + "/a/sparse")
	must(t, err)
	for _, at := range []int64{1 << 20, 64 << 20} {
		_, err = sparse.WriteAt([]byte("data"), at)
		must(t, err)
	}
	must(t, errors.Join(sparse.Truncate(1<<30), sparse.Close()))
	must(t, os.WriteFile(dir+"/a/hole", nil, 0o644))
	must(t, os.Truncate(dir+"/a/hole", 10<<20))
	must(t, os.WriteFile(dir+"/a/b/c/big", []byte(strings.Repeat("0123456789abcdef", 2<<20)), 0o640))
	must(t, os.Chmod(dir+"/a/b/c", os.ModeSticky|os.ModeSetgid|0o1777))
	for _, path := range []string{"/a/plain", "/a/out", "/a/fifo", "/a/b/c", "/a/b", "/a", ""} {
		must(t, unix.UtimesNanoAt(unix.AT_FDCWD, dir+path, []unix.Timespec{unix.NsecToTimespec(old.UnixNano()), unix.NsecToTimespec(old.UnixNano() + 1)}, unix.AT_SYMLINK_NOFOLLOW))
	}
}

// acl is user::rw-, user:1234:rw-, group::r--, mask::rw-, other::r--.
var acl = []byte("\x02\x00\x00\x00\x01\x00\x06\x00\xff\xff\xff\xff\x02\x00\x06\x00\xd2\x04\x00\x00\x04\x00\x04\x00\xff\xff\xff\xff\x10\x00\x06\x00\xff\xff\xff\xff\x20\x00\x04\x00\xff\xff\xff\xff")

// described is what a tree looks like, a line for each name. A hole is one if at least most of it is.
func described(t *testing.T, dir string) map[string]string {
	t.Helper()
	lines, first := map[string]string{}, map[uint64]string{}
	must(t, filepath.Walk(dir, func(path string, _ os.FileInfo, err error) error {
		must(t, err)
		var st unix.Stat_t
		must(t, unix.Lstat(path, &st))
		name := strings.TrimPrefix(path, dir)
		s := fmt.Sprintf("%o %d:%d %x %d", st.Mode, st.Uid, st.Gid, st.Rdev, st.Mtim.Nano())
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFREG:
			sparse := st.Size > 1<<20 && st.Blocks*512 < st.Size/2
			s += fmt.Sprintf(" %d sparse=%v nlink=%d first=%s", st.Size, sparse, st.Nlink, first[st.Ino])
			if first[st.Ino] == "" {
				first[st.Ino] = name
			}
			if st.Size < 1<<26 {
				b, err := os.ReadFile(path)
				must(t, err)
				s += fmt.Sprintf(" %.40q %d", b, len(strings.TrimRight(string(b), "\x00")))
			}
		case unix.S_IFLNK:
			to, err := os.Readlink(path)
			must(t, err)
			s += " -> " + to
		}
		for _, attr := range []string{"user.colour", "user.nothing", "trusted.secret", "trusted.link", "trusted.fifo", "security.capability", "system.posix_acl_access", "system.posix_acl_default"} {
			value := make([]byte, 100)
			if n, err := unix.Lgetxattr(path, attr, value); err == nil {
				s += fmt.Sprintf(" %s=%x", attr, value[:n])
			}
		}
		lines[name] = s
		return nil
	}))
	return lines
}

func sameTree(t *testing.T, from, to string) {
	t.Helper()
	want, got := described(t, from), described(t, to)
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got[name] != want[name] {
			t.Errorf("%q\nis     %s\nand was %s", name, got[name], want[name])
		}
		delete(got, name)
	}
	if len(got) != 0 {
		t.Errorf("there is more than there was: %v", got)
	}
}

// tree copies by paths.
func tree(ctx context.Context, from, to string, beneath ...string) error {
	dirs := make([]*os.File, 0, len(beneath)+2)
	defer func() {
		for _, d := range dirs {
			d.Close()
		}
	}()
	for _, path := range append([]string{from, to}, beneath...) {
		d, err := os.Open(path)
		if err != nil {
			return err
		}
		dirs = append(dirs, d)
	}
	return Tree(ctx, dirs[0], dirs[1], dirs[2:]...)
}

func TestACopyIsWhatWasCopied(t *testing.T) {
	for name, place := range map[string]func(*testing.T) string{
		"on one file system": func(t *testing.T) string { return t.TempDir() },
		"to another one":     func(t *testing.T) string { return mounted(t, "xfs", "mkfs.xfs", "-q") },
	} {
		t.Run(name, func(t *testing.T) {
			from, to := t.TempDir(), place(t)+"/to"
			everything(t, from)
			must(t, os.Mkdir(to, 0o700))
			must(t, tree(t.Context(), from, to))
			sameTree(t, from, to)
		})
	}
}

// Out of an overlay, whose files nothing can be shared with.
func TestAFileOfAnOverlayIsSharedWithTheLayerItIsIn(t *testing.T) {
	for kind, mkfs := range map[string][]string{"xfs": {"mkfs.xfs", "-q"}, "btrfs": {"mkfs.btrfs", "-q"}} {
		t.Run(kind, func(t *testing.T) {
			disk := mounted(t, kind, mkfs...)
			for _, dir := range []string{"low", "high/a/b", "upper", "work", "to", "merged"} {
				must(t, os.MkdirAll(disk+"/"+dir, 0o755))
			}
			everything(t, disk+"/low")
			must(t, os.WriteFile(disk+"/low/a/large", make([]byte, 64<<20), 0o644))
			// The same name, and another file: what is above is what counts.
			must(t, os.WriteFile(disk+"/low/a/b/hidden", []byte("below"), 0o644))
			must(t, os.WriteFile(disk+"/high/a/b/hidden", []byte("above"), 0o644))
			must(t, unix.Mount("overlay", disk+"/merged", "overlay", 0, fmt.Sprintf("lowerdir=%s/high:%s/low,upperdir=%s/upper,workdir=%s/work", disk, disk, disk, disk)))
			defer func() { must(t, unix.Unmount(disk+"/merged", 0)) }()
			before := available(t, disk)
			must(t, tree(t.Context(), disk+"/merged", disk+"/to", disk+"/high", disk+"/low"))
			sameTree(t, disk+"/merged", disk+"/to")
			if took := before - available(t, disk); took > 16<<20 {
				t.Errorf("a copy of 96 MiB took %d bytes", took)
			}
		})
	}
}

func TestACopyThatNobodyWantsAnyMoreEnds(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	must(t, os.WriteFile(from+"/f", []byte("x"), 0o644))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := tree(ctx, from, to); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}

func TestAFullDiskIsToldOfWithTheFile(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	must(t, unix.Mount("tmpfs", to, "tmpfs", 0, "size=1m"))
	defer func() { must(t, unix.Unmount(to, 0)) }()
	must(t, os.Mkdir(from+"/d", 0o755))
	must(t, os.WriteFile(from+"/d/f", make([]byte, 4<<20), 0o644))
	err := tree(t.Context(), from, to)
	if !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), "/d/f") {
		t.Errorf("the error is %v", err)
	}
}

// mounted makes a file system in a file and mounts it.
func mounted(t *testing.T, kind string, mkfs ...string) string {
	t.Helper()
	dir := t.TempDir()
	image, at := dir+"/image", dir+"/at"
	must(t, os.WriteFile(image, nil, 0o600))
	must(t, os.Truncate(image, 2<<30))
	must(t, os.Mkdir(at, 0o755))
	run(t, append(mkfs, image)...)
	run(t, "mount", "-o", "loop", "-t", kind, image, at)
	t.Cleanup(func() { run(t, "umount", at) })
	return at
}

func run(t *testing.T, line ...string) {
	t.Helper()
	if out, err := exec.Command(line[0], line[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", line, err, out)
	}
}

// available is what a file system has left, when everything has got to it.
func available(t *testing.T, dir string) int64 {
	t.Helper()
	d, err := os.Open(dir)
	must(t, err)
	defer d.Close()
	must(t, unix.Syncfs(int(d.Fd())))
	var st unix.Statfs_t
	must(t, unix.Fstatfs(int(d.Fd()), &st))
	return int64(st.Bavail) * st.Bsize
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

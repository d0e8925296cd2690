//go:build linux

package tree

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/chunk"
	"berth/internal/fault"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func noise(seed byte, size int) []byte {
	p := make([]byte, size)
	src := rand.NewChaCha8([32]byte{seed})
	src.Read(p)
	return p
}

// zoo makes one of everything in a directory.
func zoo(t *testing.T, dir string) {
	at := func(name string) string { return filepath.Join(dir, name) }
	must(t, os.MkdirAll(at("sub/deeper"), 0o750))
	must(t, os.Mkdir(at("sticky"), 0o777))
	must(t, os.Chmod(at("sticky"), 0o777|os.ModeSticky))
	must(t, os.WriteFile(at("large"), noise(1, 9<<20+17), 0o640))
	must(t, os.WriteFile(at("empty"), nil, 0o600))
	must(t, os.WriteFile(at("sub/small"), []byte("small"), 0o600))
	must(t, os.WriteFile(at("sub/deeper/same"), []byte("small"), 0o644))
	must(t, os.WriteFile(at(strings.Repeat("n", 255)), []byte("long"), 0o644))
	must(t, os.WriteFile(at("not \xff utf-8\n"), []byte("bytes"), 0o644))
	must(t, os.Symlink("../../etc/passwd", at("sub/link")))
	must(t, os.Link(at("large"), at("sub/other")))
	must(t, os.Link(at("sub/link"), at("sub/link2")))
	must(t, unix.Mkfifo(at("fifo"), 0o622))
	must(t, unix.Mknod(at("socket"), unix.S_IFSOCK|0o755, 0))
	must(t, unix.Mknod(at("null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
	must(t, unix.Mknod(at("whiteout"), unix.S_IFCHR, 0))
	must(t, unix.Mknod(at("loop"), unix.S_IFBLK|0o660, int(unix.Mkdev(7, 300))))
	sparse, err := os.Create(at("sparse"))
	must(t, err)
	_, err = sparse.WriteAt(noise(2, 300<<10), 5<<20)
	must(t, err)
	_, err = sparse.WriteAt([]byte("end"), 64<<20)
	must(t, err)
	must(t, sparse.Truncate(1<<30))
	must(t, sparse.Close())
	must(t, os.Chown(at("sub/small"), 1234, 4_000_000_000))
	must(t, os.Chmod(at("sub/small"), 0o755|os.ModeSetuid|os.ModeSetgid))
	must(t, os.Lchown(at("sub/link"), 7, 8))
	attributes(t, dir)
	old := []unix.Timespec{{Sec: -5, Nsec: 1}, {Sec: 1_000_000_000, Nsec: 123_456_789}}
	for _, name := range []string{"sub/link", "sub", "fifo", "large"} {
		must(t, unix.UtimesNanoAt(unix.AT_FDCWD, at(name), old, unix.AT_SYMLINK_NOFOLLOW))
	}
}

// attributes sets extended attributes: those of users, capabilities and access control lists.
func attributes(t *testing.T, dir string) {
	acl := "\x02\x00\x00\x00" + // ACL_EA_VERSION, then tag, permissions, ID
		"\x01\x00\x06\x00\xff\xff\xff\xff" + "\x02\x00\x07\x00\xd2\x04\x00\x00" + "\x04\x00\x04\x00\xff\xff\xff\xff" +
		"\x10\x00\x07\x00\xff\xff\xff\xff" + "\x20\x00\x00\x00\xff\xff\xff\xff"
	for _, x := range []struct{ file, name, value string }{
		{"sub", "user.comment", "hello\x00world"},
		{"sub", "system.posix_acl_default", acl},
		{"sub/other", "system.posix_acl_access", acl},
		{"empty", "user.empty", ""},
		{"sub/small", "security.capability", "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"},
		{"sub/deeper", "trusted.overlay.opaque", "y"},
		{"sub/link", "trusted.of.a.link", strings.Repeat("v", 2000)},
		{"fifo", "trusted.of.a.fifo", "v"},
	} {
		if err := unix.Lsetxattr(filepath.Join(dir, x.file), x.name, []byte(x.value), 0); err != nil {
			t.Fatalf("%s of %s: %v", x.name, x.file, err)
		}
	}
}

func open(t testing.TB, dir string) *os.File {
	f, err := os.Open(dir)
	must(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

// keep scans a directory into a store.
func keep(t testing.TB, s *chunk.Store, dir string, o Options) *Manifest {
	b := s.Begin()
	defer b.Close()
	m, err := Scan(context.Background(), open(t, dir), b, o)
	must(t, err)
	must(t, b.Commit())
	return m
}

func store(t testing.TB) *chunk.Store {
	s, err := chunk.Open(filepath.Join(t.TempDir(), "chunks"))
	must(t, err)
	return s
}

// forms is a manifest without what is another on each disk.
func forms(m *Manifest) []Entry {
	list := make([]Entry, len(m.Entries))
	for i, e := range m.Entries {
		e.Seen = Seen{}
		list[i] = e
	}
	return list
}

func TestATreeComesBackAsItWas(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	zoo(t, from)
	s := store(t)
	m := keep(t, s, from, Options{})
	decoded, err := Decode(m.Encode())
	must(t, err)
	if !reflect.DeepEqual(m, decoded) {
		t.Fatal("a manifest is another one after it was encoded and decoded")
	}
	must(t, Restore(context.Background(), decoded, s, open(t, to)))
	again := keep(t, s, to, Options{})
	if a, b := forms(m), forms(again); !reflect.DeepEqual(a, b) {
		for i := range a {
			if !reflect.DeepEqual(a[i], b[i]) {
				t.Errorf("was  %+v\nis   %+v", a[i], b[i])
			}
		}
	}
	if !reflect.DeepEqual(m.Chunks, again.Chunks) {
		t.Error("the contents are others")
	}
	var st unix.Stat_t
	must(t, unix.Stat(filepath.Join(to, "sparse"), &st))
	if st.Size != 1<<30 || st.Blocks*512 > 2<<20 {
		t.Errorf("the sparse file has %d bytes and takes %d", st.Size, st.Blocks*512)
	}
	data, err := os.ReadFile(filepath.Join(to, "large"))
	if err != nil || !bytes.Equal(data, noise(1, 9<<20+17)) {
		t.Errorf("the large file has %d bytes: %v", len(data), err)
	}
	kinds := map[Kind]int{}
	for _, e := range m.Entries {
		kinds[e.Kind]++
	}
	if want := map[Kind]int{Dir: 4, File: 7, Symlink: 1, Link: 2, Fifo: 1, Socket: 1, Char: 2, Block: 1}; !reflect.DeepEqual(kinds, want) {
		t.Errorf("there are %v, want %v", kinds, want)
	}
}

// counting is a sink that counts what it hands on.
type counting struct {
	to    Sink
	bytes atomic.Int64
}

func (c *counting) Put(ctx context.Context, index int, ref chunk.Ref, data []byte) error {
	c.bytes.Add(int64(len(data)))
	return c.to.Put(ctx, index, ref, data)
}

func TestALaterScanReadsOnlyWhatHasChanged(t *testing.T) {
	dir := t.TempDir()
	for i := range 50 {
		must(t, os.WriteFile(filepath.Join(dir, fmt.Sprint("f", i)), noise(byte(i), 40<<10), 0o600))
	}
	must(t, os.WriteFile(filepath.Join(dir, "big"), noise(99, 6<<20), 0o600))
	s := store(t)
	first := keep(t, s, dir, Options{})
	first.Started.Sec += 10 // as if it had been later: all changes are settled then
	if again := keep(t, s, dir, Options{}); !Quiet(first, again) {
		t.Error("nothing was changed between two scans, and something is said to have been")
	}
	must(t, os.WriteFile(filepath.Join(dir, "f7"), []byte("other"), 0o600))
	must(t, os.Chmod(filepath.Join(dir, "f8"), 0o644))
	must(t, os.Remove(filepath.Join(dir, "f9")))
	b := s.Begin()
	defer b.Close()
	sink := &counting{to: b}
	second, err := Scan(context.Background(), open(t, dir), sink, Options{Earlier: first})
	must(t, err)
	must(t, b.Commit())
	if total, want := sink.bytes.Load(), int64(len("other")+40<<10); total != want {
		t.Errorf("%d bytes are read, want %d", total, want)
	}
	if Quiet(first, second) {
		t.Error("nothing is said to have been changed between two scans, and something was")
	}
	whole := keep(t, s, dir, Options{})
	if second.Size() != whole.Size() || len(second.Entries) != len(whole.Entries) {
		t.Errorf("the second scan has %d entries of %d bytes, want %d of %d", len(second.Entries), second.Size(), len(whole.Entries), whole.Size())
	}
	to := t.TempDir()
	must(t, Restore(context.Background(), second, s, open(t, to)))
	for _, name := range []string{"f7", "f8", "f30", "big"} {
		a, err1 := os.ReadFile(filepath.Join(dir, name))
		b, err2 := os.ReadFile(filepath.Join(to, name))
		if !bytes.Equal(a, b) {
			t.Errorf("%s is another: %v", name, errors.Join(err1, err2))
		}
	}
}

func TestWhatChangedWhileItWasScannedIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "f"), noise(1, 1000), 0o600))
	first := keep(t, store(t), dir, Options{})
	first.Started = first.Entries[1].Seen.Changed // it came just before the scan
	sink := &counting{to: failing{1}}
	_, err := Scan(context.Background(), open(t, dir), sink, Options{Earlier: first})
	must(t, err)
	if sink.bytes.Load() != 1000 {
		t.Error("a file that may have changed in the same tick of the clock is not read again")
	}
}

type failing struct{ after int }

func (f failing) Put(_ context.Context, index int, _ chunk.Ref, _ []byte) error {
	if index >= f.after {
		return fault.New(fault.Internal, "no space left on device")
	}
	return nil
}

func TestAScanWhoseSinkFailsEndsWithItsError(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "f"), noise(1, 64<<20), 0o600))
	done := make(chan error)
	go func() {
		_, err := Scan(context.Background(), open(t, dir), failing{3}, Options{})
		done <- err
	}()
	select {
	case err := <-done:
		if err == nil || err.Error() != "no space left on device" {
			t.Errorf("the scan ends with %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("the scan does not end")
	}
}

func TestARestoreOfACorruptChunkFails(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "f"), noise(1, 10<<20), 0o600))
	root := filepath.Join(t.TempDir(), "chunks")
	s, err := chunk.Open(root)
	must(t, err)
	m := keep(t, s, dir, Options{})
	name := m.Chunks[2].Digest.String()
	must(t, os.Truncate(filepath.Join(root, name[:2], name), 1000))
	err = Restore(context.Background(), m, s, open(t, t.TempDir()))
	if err == nil || !strings.Contains(err.Error(), "is corrupt") || !strings.Contains(err.Error(), `"f" cannot be restored`) {
		t.Errorf("the restore ends with %v", err)
	}
}

func TestAManifestThatWouldLeaveItsDirectoryIsRefused(t *testing.T) {
	dir := Entry{Kind: Dir}
	for what, entries := range map[string][]Entry{
		"nothing":             {},
		"a file at the top":   {{Kind: File}},
		"the directory above": {dir, {Name: "..", Depth: 1, Kind: Dir}},
		"a path":              {dir, {Name: "a/b", Depth: 1, Kind: File}},
		"no name":             {dir, {Depth: 1, Kind: File}},
		"a child of a link":   {dir, {Name: "l", Depth: 1, Kind: Symlink, Text: "/etc"}, {Name: "passwd", Depth: 2, Kind: File}},
		"a name twice":        {dir, {Name: "a", Depth: 1, Kind: Dir}, {Name: "x", Depth: 2, Kind: Fifo}, {Name: "a", Depth: 1, Kind: Symlink, Text: "/"}},
		"a second root":       {dir, {Kind: Dir}},
		"a link to itself":    {dir, {Name: "a", Depth: 1, Kind: Link, Target: 1}},
		"a link to a dir":     {dir, {Name: "a", Depth: 1, Kind: Link}},
		"a chunk of nobody":   {dir, {Name: "a", Depth: 1, Kind: File, Size: 9, Spans: []Span{{Length: 9}}}},
		"no kind":             {dir, {Name: "a", Depth: 1}},
	} {
		m := &Manifest{Entries: entries}
		if got, err := Decode(m.Encode()); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v, %v", what, got, err)
		}
	}
}

func FuzzDecodeTakesNothingThatCannotBeRestored(f *testing.F) {
	m := &Manifest{Started: Now(), Chunks: []chunk.Ref{chunk.RefOf([]byte("x"))}, Entries: []Entry{
		{Kind: Dir, Attr: Attr{Mode: 0o755, Xattrs: []Xattr{{"user.a", "b"}}}},
		{Name: "d", Depth: 1, Kind: Dir},
		{Name: "f", Depth: 2, Kind: File, Size: 10, Spans: []Span{{At: 3, Length: 1}}},
		{Name: "l", Depth: 2, Kind: Link, Target: 2},
		{Name: "s", Depth: 1, Kind: Symlink, Text: "/"},
	}}
	p := m.Encode()
	f.Add(p[len(magic) : len(p)-32])
	f.Fuzz(func(t *testing.T, p []byte) {
		m, err := decode(p)
		if err != nil {
			return
		}
		for i := range m.Entries {
			if path := m.Path(i); strings.Contains("/"+path+"/", "/../") || strings.HasPrefix(path, "/") {
				t.Errorf("a path is %q", path)
			}
		}
		again, err := Decode(m.Encode())
		if err != nil || !reflect.DeepEqual(m, again) {
			t.Errorf("what was decoded is another when it is encoded: %v", err)
		}
	})
}

func BenchmarkScan(b *testing.B) {
	dir := b.TempDir()
	for i := range 8 {
		must(b, os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), noise(byte(i), 32<<20), 0o600))
	}
	b.SetBytes(256 << 20)
	for b.Loop() {
		_, err := Scan(context.Background(), open(b, dir), failing{1 << 30}, Options{})
		must(b, err)
	}
}

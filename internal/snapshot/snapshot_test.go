//go:build linux

package snapshot

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

func TestASnapshotHasEverythingThatTheTreeHas(t *testing.T) {
	for kind := range fileSystems() {
		t.Run(kind, func(t *testing.T) {
			l := newLab(t, mounted(t, kind, 512<<20))
			strange(t, l.data())
			want := listing(t, l.data())
			x, err := l.s.Take(t.Context(), l.sub, Wish{Name: "first", Labels: map[string]string{"a": "b"}})
			l.must(err)
			l.must(os.RemoveAll(l.data("deep")))
			l.write("empty", "not any more")
			same(t, "the snapshot", listing(t, l.files(x.ID)), want)
			var st unix.Stat_t
			l.must(unix.Stat(filepath.Join(l.files(x.ID), "sparse"), &st))
			if st.Blocks*512 > 1<<20 {
				t.Errorf("the sparse file takes %d bytes", st.Blocks*512)
			}
			changed := listing(t, l.data())
			before, _, err := l.s.Rollback(t.Context(), l.sub, "first")
			l.must(err)
			same(t, "after the rollback", listing(t, l.data()), want)
			_, _, err = l.s.Rollback(t.Context(), l.sub, before.ID[:12])
			l.must(err)
			same(t, "after the rollback of the rollback", listing(t, l.data()), changed)
			l.clone("first", "clone")
			same(t, "a clone of the snapshot", listing(t, filepath.Join(l.home, "clone")), want)
			l.clone("", "now")
			same(t, "a clone", listing(t, filepath.Join(l.home, "now")), changed)
		})
	}
}

// files is where the files of a snapshot are: in it, or in a clone where it is in pieces.
func (l *lab) files(id string) string {
	l.t.Helper()
	there := filepath.Join(dir(l.home, id), treeDir)
	if _, err := os.Lstat(there); err == nil {
		return there
	}
	there = filepath.Join(l.home, "files of "+id)
	l.must(os.RemoveAll(there))
	l.clone(id, filepath.Base(there))
	return there
}

func TestWhatIsWrittenBetweenThePassesIsInTheSnapshot(t *testing.T) {
	l := newLab(t, t.TempDir())
	l.write("same", "same")
	l.write("changes", "before")
	l.write("goes", "goes")
	l.must(os.Symlink("old", l.data("link")))
	l.must(os.Mkdir(l.data("becomes"), 0o700))
	l.must(os.Link(l.data("changes"), l.data("other name")))
	mapped, err := os.OpenFile(l.data("mapped"), os.O_CREATE|os.O_RDWR, 0o600)
	l.must(err)
	defer mapped.Close()
	l.must(mapped.Truncate(4096))
	page, err := unix.Mmap(int(mapped.Fd()), 0, 4096, unix.PROT_WRITE, unix.MAP_SHARED)
	l.must(err)
	defer unix.Munmap(page)
	page[0] = 'b'
	still := l.sub.Still
	l.sub.Still = func(ctx context.Context, window time.Duration, do func(context.Context) error) (time.Duration, error) {
		page[0] = 'a' // no call that the kernel would see
		l.write("changes", "after!")
		l.must(os.Remove(l.data("goes")))
		l.write("comes", "new")
		l.must(os.Remove(l.data("link")))
		l.must(os.Symlink("new", l.data("link")))
		l.must(os.Remove(l.data("becomes")))
		l.write("becomes", "a file")
		return still(ctx, window, do)
	}
	x, err := l.s.Take(t.Context(), l.sub, Wish{})
	l.must(err)
	want := listing(t, l.data())
	same(t, "the snapshot", listing(t, l.files(x.ID)), want)
	if !strings.Contains(want, "other name") || page[0] != 'a' {
		t.Error(want)
	}
}

func TestWhoStandsStillForTooLongGoesOnAndIsTriedAgain(t *testing.T) {
	l := newLab(t, t.TempDir())
	l.write("file", "x")
	times := 0
	l.sub.Still = func(ctx context.Context, _ time.Duration, do func(context.Context) error) (time.Duration, error) {
		if times++; times < tries {
			return 1, fault.As(fault.Unavailable, context.DeadlineExceeded)
		}
		return 1, do(ctx)
	}
	x, err := l.s.Take(t.Context(), l.sub, Wish{})
	l.must(err)
	if times != tries || x.Frozen != 1 {
		t.Errorf("%d times, %v", times, x.Frozen)
	}
	times = -10
	_, err = l.s.Take(t.Context(), l.sub, Wish{})
	if !fault.Is(err, fault.Unavailable) || times != tries-10 {
		t.Errorf("%d times, %v", times, err)
	}
	l.holds(1)
}

// holds fails unless there are so many snapshots and nothing else.
func (l *lab) holds(n int) {
	l.t.Helper()
	l.s.Close()
	list, err := l.s.List(l.home)
	l.must(err)
	entries, err := os.ReadDir(filepath.Join(l.home, dirName))
	if !errors.Is(err, os.ErrNotExist) {
		l.must(err)
	}
	entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool { return e.Name() == chunksDir })
	if len(list) != n || len(entries) != n {
		l.t.Errorf("there are %d snapshots, and %v", len(list), entries)
	}
}

func TestAFullDiskLeavesNoSnapshotAndSaysSo(t *testing.T) {
	for kind, size := range map[string]int64{"ext4": 64 << 20, "xfs": 320 << 20} {
		t.Run(kind, func(t *testing.T) {
			base := mounted(t, kind, size)
			l := newLab(t, base)
			l.write("file", strings.Repeat("0123456789abcdef", 1<<17)) // 2 MiB
			l.must(os.Mkdir(l.data("many"), 0o755))
			for i := range 200 {
				l.write(filepath.Join("many", strings.Repeat("n", 200)+string(rune('a'+i%26))+strings.Repeat("m", i%50)), "text")
			}
			filler, err := os.Create(filepath.Join(base, "filler"))
			l.must(err)
			defer filler.Close()
			for block := make([]byte, 1<<20); ; {
				if _, err := filler.Write(block); err != nil {
					if len(block) == 1 {
						break
					}
					block = block[:len(block)/2]
				}
			}
			_, err = l.s.Take(t.Context(), l.sub, Wish{})
			if err == nil && kind != "ext4" { // clones may fit
				l.holds(1)
				return
			}
			if !errors.Is(err, unix.ENOSPC) || !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "no snapshot of volume data can be taken") {
				t.Error(err)
			}
			l.holds(0)
		})
	}
}

func TestNamesAndIDsFindSnapshots(t *testing.T) {
	l := newLab(t, t.TempDir())
	a, err := l.s.Take(t.Context(), l.sub, Wish{Name: "a1"})
	l.must(err)
	b, err := l.s.Take(t.Context(), l.sub, Wish{})
	l.must(err)
	for ref, want := range map[string]string{"a1": a.ID, a.ID: a.ID, a.ID[:8]: a.ID, b.ID[:12]: b.ID} {
		if x, err := l.s.Get(l.sub, ref); err != nil || x.ID != want {
			t.Errorf("%s: %v, %v", ref, x.ID, err)
		}
	}
	for ref, kind := range map[string]fault.Kind{"": fault.NotFound, "none": fault.NotFound, "../" + a.ID: fault.NotFound} {
		if _, err := l.s.Get(l.sub, ref); !fault.Is(err, kind) {
			t.Errorf("%q: %v", ref, err)
		}
	}
	for name, kind := range map[string]fault.Kind{"a1": fault.Conflict, "a": fault.Invalid, "../x": fault.Invalid, ".new-": fault.Invalid, "a b": fault.Invalid} {
		if _, err := l.s.Take(t.Context(), l.sub, Wish{Name: name}); !fault.Is(err, kind) {
			t.Errorf("%q: %v", name, err)
		}
	}
	list, err := l.s.List(l.home)
	l.must(err)
	if len(list) != 2 || list[0].ID != a.ID || list[1].ID != b.ID {
		t.Errorf("%v", list)
	}
	_, err = l.s.Remove(t.Context(), l.sub, "a1")
	l.must(err)
	if _, err := l.s.Get(l.sub, "a1"); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
	l.holds(1)
}

func TestAKilledDaemonsSnapshotsAreWholeOrGone(t *testing.T) {
	l := newLab(t, t.TempDir())
	l.write("file", "one")
	x, err := l.s.Take(t.Context(), l.sub, Wish{Name: "one"})
	l.must(err)
	l.write("file", "two")
	for _, left := range []string{newPrefix + "x", gonePrefix + "y", backPrefix + "without a record"} {
		l.must(os.MkdirAll(filepath.Join(l.home, dirName, left, treeDir), 0o700))
	}
	l.must(l.s.Recover(l.home, "_data", nil))
	l.holds(1)

	// Killed before the exchange: as if there had been no rollback.
	back := Snapshot{ID: newID()}
	a, err := newAside(dir(l.home, backPrefix+back.ID))
	l.must(err)
	l.must(unfold(t.Context(), dir(l.home, x.ID), a, a.dir, treeDir))
	l.must(prepare(t.Context(), l.sub, a, &back))
	a.close()
	l.must(l.s.Recover(l.home, "_data", nil))
	l.holds(1)
	l.reads("two")

	// Killed after it: the rollback has been, and what was before is kept.
	a, err = newAside(dir(l.home, backPrefix+back.ID))
	l.must(err)
	l.must(unfold(t.Context(), dir(l.home, x.ID), a, a.dir, treeDir))
	l.must(prepare(t.Context(), l.sub, a, &back))
	_, err = exchange(l.data(), a)
	l.must(err)
	a.close()
	l.must(l.s.Recover(l.home, "_data", nil))
	l.holds(2)
	l.reads("one")
	_, _, err = l.s.Rollback(t.Context(), l.sub, back.ID)
	l.must(err)
	l.reads("two")
}

func (l *lab) reads(want string) {
	l.t.Helper()
	text, err := os.ReadFile(l.data("file"))
	if err != nil || string(text) != want {
		l.t.Errorf("the file says %q and not %q: %v", text, want, err)
	}
}

func TestFilesThatAreReplacedBecomeASnapshotAndStayWhenThatFails(t *testing.T) {
	l := newLab(t, t.TempDir())
	l.write("file", "one")
	broken := errors.New("broken")
	_, err := l.s.Replace(t.Context(), l.sub, "before the import", func(d *os.File) error {
		l.must(os.WriteFile(filepath.Join(d.Name(), "file"), []byte("half"), 0o600))
		return broken
	})
	if !errors.Is(err, broken) {
		t.Error(err)
	}
	l.holds(0)
	l.reads("one")
	before, err := l.s.Replace(t.Context(), l.sub, "before the import", func(d *os.File) error {
		return os.WriteFile(filepath.Join(d.Name(), "file"), []byte("two"), 0o600)
	})
	l.must(err)
	l.holds(1)
	l.reads("two")
	if before.Reason != "before the import" {
		t.Errorf("%+v", before)
	}
	_, _, err = l.s.Rollback(t.Context(), l.sub, before.ID)
	l.must(err)
	l.reads("one")
}

func TestWhatIsInUseIsNotRolledBack(t *testing.T) {
	l := newLab(t, t.TempDir())
	l.write("file", "one")
	_, err := l.s.Take(t.Context(), l.sub, Wish{Name: "one"})
	l.must(err)
	l.write("file", "two")
	busy := 0 // from the so manyth time on
	l.sub.Idle = func(_ context.Context, do func() error) error {
		if busy--; busy < 0 {
			return fault.New(fault.Conflict, "volume data is in use")
		}
		return do()
	}
	for i := range 2 {
		busy = i
		if _, _, err := l.s.Rollback(t.Context(), l.sub, "one"); !fault.Is(err, fault.Conflict) {
			t.Error(err)
		}
		l.holds(1)
		l.reads("two")
	}
}

func TestACancelledSnapshotLeavesNothing(t *testing.T) {
	l := newLab(t, t.TempDir())
	l.write("file", "one")
	ctx, cancel := context.WithCancel(t.Context())
	l.sub.Still = func(ctx context.Context, _ time.Duration, do func(context.Context) error) (time.Duration, error) {
		cancel()
		return 1, do(ctx)
	}
	if _, err := l.s.Take(ctx, l.sub, Wish{}); !fault.Is(err, fault.Cancelled) {
		t.Error(err)
	}
	l.holds(0)
}

// A program that swaps what is looked at never has a file of the host taken in.
func TestLinksThatComeAndGoLeadNowhere(t *testing.T) {
	base := t.TempDir()
	l := newLab(t, base)
	l.must(os.WriteFile(filepath.Join(base, "secret"), []byte("of the host"), 0o600))
	l.must(os.Mkdir(l.data("dir"), 0o755))
	l.write("dir/secret", "mine")
	l.must(os.Symlink(base, l.data("link")))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			_ = unix.Renameat2(unix.AT_FDCWD, l.data("dir"), unix.AT_FDCWD, l.data("link"), unix.RENAME_EXCHANGE)
		}
	}()
	for range 30 {
		x, err := l.s.Take(t.Context(), l.sub, Wish{})
		if err != nil {
			continue // it was swapped between two looks
		}
		for _, name := range []string{"dir", "link"} {
			path := filepath.Join(l.files(x.ID), name)
			if info, err := os.Lstat(path); err != nil || !info.IsDir() {
				continue
			}
			if text, err := os.ReadFile(filepath.Join(path, "secret")); err == nil && string(text) != "mine" {
				t.Fatalf("the snapshot has %q", text)
			}
		}
	}
	cancel()
	<-done
}

func TestASnapshotTakesWhatItDoesNotShare(t *testing.T) {
	for kind := range fileSystems() {
		t.Run(kind, func(t *testing.T) {
			l := newLab(t, mounted(t, kind, 512<<20))
			l.write("a", strings.Repeat("a", 8<<20))
			l.write("b", strings.Repeat("b", 4<<20))
			x, err := l.s.Take(t.Context(), l.sub, Wish{})
			l.must(err)
			size := func(least, most int64) {
				t.Helper()
				n, err := l.s.Unique(t.Context(), l.sub, x.ID)
				if err != nil || n < least<<20 || n > most<<20 {
					t.Errorf("%d bytes, %v", n, err)
				}
			}
			if x.Bytes != 12<<20 || x.Entries != 2 {
				t.Errorf("%+v", x)
			}
			if kind == "ext4" {
				size(0, 1) // a piece is kept once, and packed
				y, err := l.s.Take(t.Context(), l.sub, Wish{})
				l.must(err)
				x = y
				size(0, 0)
				return
			}
			size(0, 0)
			l.must(os.Remove(l.data("b")))
			for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
				at, err := openDir(l.home) // who shares is counted when the removal is on the disk, or later
				l.must(err)
				l.must(unix.Syncfs(int(at.Fd())))
				l.must(at.Close())
				if n, _ := l.s.Unique(t.Context(), l.sub, x.ID); n > 0 {
					break
				}
			}
			size(4, 4)
		})
	}
}

func TestALaterSnapshotInPiecesReadsWhatHasChanged(t *testing.T) {
	l := newLab(t, t.TempDir())
	l.write("large", strings.Repeat("0123456789abcdef", 1<<18)) // 4 MiB
	from, err := openDir(l.data())
	l.must(err)
	defer from.Close()
	if _, err := l.s.Take(t.Context(), l.sub, Wish{}); err != nil {
		t.Fatal(err)
	}
	p, err := newPieces(l.home, from)
	l.must(err)
	defer p.close()
	if p.m == nil {
		t.Fatal("it does not begin where the last one has ended")
	}
	p.m.Started.Sec += 10 // as if the file had been there for a while by then
	l.must(p.last(t.Context()))
	if n := p.read.Load(); n != 0 {
		t.Errorf("%d bytes are read again", n)
	}
	l.write("small", "new")
	l.must(p.last(t.Context()))
	if n := p.read.Load(); n == 0 || n > 5<<20 {
		t.Errorf("%d bytes are read", n)
	}
}

// clone makes a clone of a snapshot, or of what there is, beside the files.
func (l *lab) clone(ref, name string) {
	l.t.Helper()
	at := filepath.Join(l.home, name)
	l.must(os.Mkdir(at, 0o700))
	into, err := openDir(at)
	l.must(err)
	defer into.Close()
	l.must(l.s.Clone(l.t.Context(), l.sub, ref, into))
}

//go:build linux

package chunk

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"berth/internal/fault"
)

// noise is data in which nothing repeats.
func noise(seed uint64, size int) []byte {
	p := make([]byte, size)
	src := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	src.Read(p)
	return p
}

func cutAll(data []byte) (refs []Ref) {
	c := NewCutter()
	for len(data) > 0 {
		n := c.Cut(data)
		refs = append(refs, RefOf(data[:n]))
		data = data[n:]
	}
	return refs
}

func TestChunksAreOfTheSizesThatAreSaidAndOnAverageOfTheAverage(t *testing.T) {
	const total = 256 << 20
	refs := cutAll(noise(1, total))
	for i, r := range refs {
		if r.Size > Largest || r.Size < Smallest && i < len(refs)-1 {
			t.Errorf("chunk %d has %d bytes", i, r.Size)
		}
	}
	if mean := total / len(refs); mean < Average*3/4 || mean > Average*4/3 {
		t.Errorf("a chunk has %d bytes on average", mean)
	}
}

func TestWhatIsPutIntoTheMiddleChangesTheChunksAroundItAndNoOthers(t *testing.T) {
	data := noise(2, 32<<20)
	before := cutAll(data)
	after := cutAll(slices.Insert(slices.Clone(data), 10<<20, []byte("a word")...))
	fresh := 0
	for _, r := range after {
		if !slices.Contains(before, r) {
			fresh++
		}
	}
	if fresh == 0 || fresh > 3 {
		t.Errorf("%d of %d chunks are others", fresh, len(after))
	}
}

func TestChunksEndWhereTheFormatSays(t *testing.T) {
	var sizes []int
	for data := noise(3, 8<<20); len(data) > 0; {
		n := NewCutter().Cut(data)
		sizes = append(sizes, n)
		data = data[n:]
	}
	want := []int{872394, 1824020, 1563912, 1144612, 1303396, 779582, 533058, 367634}
	if !slices.Equal(sizes, want) {
		t.Errorf("chunks end elsewhere than in stores that were made before: %d, want %d", sizes, want)
	}
}

func TestAStoreGivesBackWhatWasPutIntoItAndTakesAPieceOnce(t *testing.T) {
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	words := bytes.Repeat([]byte("what is written often is small. "), 8<<10)
	pieces := [][]byte{noise(4, 300<<10), words, []byte("x")}
	b := s.Begin()
	for i, p := range append(pieces, pieces...) {
		if err := b.Put(context.Background(), i, RefOf(p), p); err != nil {
			t.Fatal(err)
		}
	}
	if s.Has(Sum(words)) {
		t.Error("a piece is there before its batch is committed")
	}
	if err := b.Commit(); err != nil {
		t.Fatal(err)
	}
	b.Close()
	for _, p := range pieces {
		got, err := s.Get(context.Background(), RefOf(p), nil)
		if err != nil || !bytes.Equal(got, p) {
			t.Errorf("%d bytes come back as %d: %v", len(p), len(got), err)
		}
	}
	if used, err := s.Usage(); err != nil || used != b.Added() || used > 320<<10 {
		t.Errorf("the store takes %d bytes, the batch wrote %d: %v", used, b.Added(), err)
	}
}

func TestABatchThatIsNotCommittedLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	b := s.Begin()
	if err := b.Put(context.Background(), 0, RefOf([]byte("x")), []byte("x")); err != nil {
		t.Fatal(err)
	}
	left := s.Begin() // as of a daemon that is killed
	if err := left.Put(context.Background(), 0, RefOf([]byte("y")), []byte("y")); err != nil {
		t.Fatal(err)
	}
	b.Close()
	if _, err := Open(dir); err != nil {
		t.Fatal(err)
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) > 0 {
		t.Errorf("there are %v: %v", names, err)
	}
}

func TestWhatChangedOnTheDiskIsFoundWhenItIsRead(t *testing.T) {
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	words := bytes.Repeat([]byte("what is written often is small. "), 100)
	for _, data := range [][]byte{noise(5, 4096), words} {
		ref := RefOf(data)
		b := s.Begin()
		if err := b.Put(context.Background(), 0, ref, data); err != nil {
			t.Fatal(err)
		}
		if err := b.Commit(); err != nil {
			t.Fatal(err)
		}
		b.Close()
		whole, err := os.ReadFile(s.path(ref.Digest))
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range []int{0, 1, len(whole) / 2, len(whole) - 1} {
			bad := slices.Clone(whole)
			bad[at] ^= 0x10
			for _, p := range [][]byte{bad, whole[:at]} {
				if err := os.WriteFile(s.path(ref.Digest), p, 0o600); err != nil {
					t.Fatal(err)
				}
				if got, err := s.Get(context.Background(), ref, nil); err == nil && !bytes.Equal(got, data) {
					t.Errorf("%d bytes with another one at %d are taken for the chunk", len(p), at)
				}
			}
		}
	}
	if _, err := s.Get(context.Background(), RefOf([]byte("nobody")), nil); !fault.Is(err, fault.NotFound) {
		t.Errorf("a piece that is not there: %v", err)
	}
}

func TestACollectionTakesWhatNobodyRefersTo(t *testing.T) {
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	keep, drop := noise(6, 1000), noise(7, 2000)
	b := s.Begin()
	for i, p := range [][]byte{keep, drop} {
		if err := b.Put(context.Background(), i, RefOf(p), p); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Commit(); err != nil {
		t.Fatal(err)
	}
	b.Close()
	freed, err := s.Collect(func(d Digest) bool { return d == Sum(keep) })
	if err != nil || freed != 2001 || !s.Has(Sum(keep)) || s.Has(Sum(drop)) {
		t.Errorf("%d bytes are given back: %v", freed, err)
	}
}

func BenchmarkCut(b *testing.B) {
	data := noise(8, 64<<20)
	c := NewCutter()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		for rest := data; len(rest) > 0; {
			rest = rest[c.Cut(rest):]
		}
	}
}

func BenchmarkSum(b *testing.B) {
	data := noise(8, 1<<20)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		Sum(data)
	}
}

func BenchmarkPackNoise(b *testing.B) {
	data, c := noise(9, 1<<20), NewCodec()
	var buf []byte
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		buf = c.Pack(buf[:0], data)
	}
}

package idmap

import (
	"math"
	"testing"
)

// where is the ID that one on the disk has in the mount, by a mapping that must have each once.
func where(t *testing.T, list []Extent, host uint32) uint32 {
	t.Helper()
	found, at := 0, uint32(0)
	for _, e := range list {
		if host >= e.Host && host-e.Host < e.Size {
			found, at = found+1, e.Inside+(host-e.Host)
		}
	}
	if found != 1 {
		t.Fatalf("%v: %d is mapped %d times", list, host, found)
	}
	return at
}

func FuzzASwapIsItsOwnInverseAndLeavesAllOthers(f *testing.F) {
	for _, seed := range [][3]uint32{{0, 1000, 5}, {1000, 0, 1000}, {7, 7, 7}, {0, 1, 2}, {math.MaxUint32 - 1, 0, 9}, {5, 6, 5}} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, host, inside, other uint32) {
		if host == math.MaxUint32 || inside == math.MaxUint32 || other == math.MaxUint32 {
			return // no ID
		}
		list := Swap(host, inside)
		want := other
		switch other {
		case host:
			want = inside
		case inside:
			want = host
		}
		if got := where(t, list, other); got != want || where(t, list, got) != other {
			t.Errorf("%d and %d: %d is %d, want %d", host, inside, other, got, want)
		}
	})
}

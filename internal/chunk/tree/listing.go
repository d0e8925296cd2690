package tree

import (
	"slices"
	"strings"
)

// listing finds the entries of a manifest by their names.
type listing struct {
	m     *Manifest
	below [][]int // the entries in a directory, in order
	slots map[int]int
}

func listingOf(m *Manifest) *listing {
	l := &listing{m: m, below: make([][]int, len(m.Entries)), slots: map[int]int{}}
	var above []int // the entry at each level on the way
	for i := range m.Entries {
		depth := m.Entries[i].Depth
		if depth > 0 {
			parent := above[depth-1]
			l.below[parent] = append(l.below[parent], i)
		}
		above = append(above[:depth], i)
	}
	return l
}

// child is the entry of a name in the directory that is entry i; -1 when there is none.
func (l *listing) child(i int, name string) int {
	if l == nil || i < 0 {
		return -1
	}
	at, ok := slices.BinarySearchFunc(l.below[i], name, func(e int, name string) int {
		return strings.Compare(l.m.Entries[e].Name, name)
	})
	if !ok {
		return -1
	}
	return l.below[i][at]
}

// slot is where a feed has a chunk of the manifest.
func (l *listing) slot(f *feed, c int) int {
	at, ok := l.slots[c]
	if !ok {
		at = f.know(l.m.Chunks[c])
		l.slots[c] = at
	}
	return at
}

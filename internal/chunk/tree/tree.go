// Package tree describes a directory with all that is in it, so that it can be made
// again elsewhere: names, kinds, owners, modes, times, extended attributes (access control
// lists among them), hard links, holes, and the contents of files as pieces of chunk.
//
// Scan reads a directory and hands pieces to a Sink, Manifest is what comes of it, Encode and
// Decode are its bytes, Restore makes the directory of it and of what a Source knows.
//
// Labels that a host's own policy has put on files (security.selinux, security.ima, security.evm)
// are left out: they would be wrong on another host, and each host makes them anew.
package tree

import (
	"context"
	"slices"
	"time"

	"berth/internal/chunk"
)

// Manifest is a directory as it was.
type Manifest struct {
	// Started is when the scan began. What was changed as late as that may have changed
	// once more without another time: a later scan does not rely on it.
	Started Time
	Chunks  []chunk.Ref // each once
	Entries []Entry     // the directory itself, and then everything in the order of a walk
}

// Kind is what an entry is.
type Kind byte

// The kinds.
const (
	Dir     Kind = 1 + iota
	File         // with contents: Size and Spans
	Symlink      // Text is where to
	Link         // a further name of the entry Target
	Fifo
	Socket
	Char  // a device, of the number Device
	Block // a device, of the number Device
)

// Entry is one name below the directory. Of a Link only Name, Depth and Target mean something.
type Entry struct {
	Name   string // one element, in any bytes; "" of the first entry
	Depth  int    // 0 of the first entry; the entry above is the last one before with one less
	Kind   Kind
	Attr   Attr
	Seen   Seen
	Size   int64  // in bytes
	Spans  []Span // what is no hole, in the order of where it is
	Text   string
	Target int // an entry before this one, which is neither Dir nor Link
	Device uint64
}

// Attr is what an entry has besides its contents.
type Attr struct {
	Mode     uint32 // permissions with the set-ID and sticky bits: 0o7777
	UID, GID uint32
	Modified Time
	Xattrs   []Xattr // in the order of their names
}

// Seen tells whether a file is still what it was: the kernel changes the time with
// everything that is done to a file, and no program can set it.
type Seen struct {
	Inode   uint64
	Changed Time
}

// Time is seconds since 1970, which a file system may have more of than a time.Time
// of Go can hold in nanoseconds.
type Time struct {
	Sec  int64
	Nsec uint32 // below 1e9
}

// Now is the present.
func Now() Time { return timeOf(time.Now()) }

func timeOf(t time.Time) Time { return Time{t.Unix(), uint32(t.Nanosecond())} }

// Xattr is an extended attribute.
type Xattr struct{ Name, Value string }

// Span is a run of bytes of a file: Length bytes from Offset of a chunk are at At.
type Span struct {
	At             int64
	Chunk          int // in the manifest's
	Offset, Length uint32
}

// Limits of what a manifest may say.
const (
	MaxDepth = 2047 // more levels have no path that could be given to a system call
	maxName  = 255
	maxText  = 4096
	maxXattr = 64 << 10
)

// Sink takes pieces. Put may be called by several goroutines at once; index is the place of
// the piece in the order in which the directory is read: 0, 1, 2… without gaps. A Put may wait for those of a
// lower index. The data is only lent. A piece may come more than once.
type Sink interface {
	Put(ctx context.Context, index int, ref chunk.Ref, data []byte) error
}

// Source knows pieces and verifies what it gives. The data may lie in the capacity of buf; it
// stays as it is until buf is used again. Get may be called by several goroutines at once.
type Source interface {
	Get(ctx context.Context, ref chunk.Ref, buf []byte) ([]byte, error)
}

// Size is how many bytes the files of the tree have, as ls shows it.
func (m *Manifest) Size() (total int64) {
	for i := range m.Entries {
		total += m.Entries[i].Size
	}
	return total
}

// Path is an entry's path below the directory: "." for the directory itself.
func (m *Manifest) Path(i int) string {
	if i == 0 {
		return "."
	}
	var names []string
	for depth := m.Entries[i].Depth; depth > 0; i-- {
		if e := &m.Entries[i]; e.Depth == depth {
			names = append(names, e.Name)
			depth--
		}
	}
	path := ""
	for _, name := range slices.Backward(names) {
		path += "/" + name
	}
	return path[1:]
}

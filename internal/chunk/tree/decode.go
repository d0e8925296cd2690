package tree

import (
	"crypto/sha256"
	"encoding/binary"
	"math"

	"berth/internal/chunk"
	"berth/internal/fault"
)

// Decode reads what Encode has written, and believes nothing: what it returns keeps
// all that the types of this package say. The error is Invalid.
func Decode(p []byte) (*Manifest, error) {
	body := len(p) - sha256.Size
	if body < len(magic) || string(p[:len(magic)]) != magic {
		return nil, fault.New(fault.Invalid, "this is no manifest of a tree")
	}
	if sha256.Sum256(p[:body]) != [sha256.Size]byte(p[body:]) {
		return nil, fault.New(fault.Invalid, "the manifest of the tree is corrupt: its content has another digest")
	}
	return decode(p[len(magic):body])
}

// decode reads what is between the magic and the digest.
func decode(p []byte) (*Manifest, error) {
	r := &reader{p: p}
	m := &Manifest{Started: r.time()}
	m.Chunks = make([]chunk.Ref, r.count(sha256.Size+1))
	for i := range m.Chunks {
		copy(m.Chunks[i].Digest[:], r.bytes(sha256.Size))
		m.Chunks[i].Size = uint32(r.number(chunk.Largest))
	}
	m.Entries = make([]Entry, r.count(4))
	for i := range m.Entries {
		if r.entry(&m.Entries[i]); r.bad {
			break
		}
	}
	if r.bad || len(r.p) > 0 {
		return nil, fault.New(fault.Invalid, "the manifest of the tree is malformed")
	}
	return m, m.check()
}

// reader takes values from bytes. It is bad once something was not as it has to be, and gives zeros then.
type reader struct {
	p   []byte
	bad bool
}

func (r *reader) fail() { r.bad, r.p = true, nil }

// number is a number that is at most limit.
func (r *reader) number(limit uint64) uint64 {
	n, size := binary.Uvarint(r.p)
	if size <= 0 || n > limit {
		r.fail()
		return 0
	}
	r.p = r.p[size:]
	return n
}

// count is how many things of at least size bytes follow.
func (r *reader) count(size int) int { return int(r.number(uint64(len(r.p) / size))) }

func (r *reader) bytes(n int) []byte {
	if n > len(r.p) {
		r.fail()
		return nil
	}
	p := r.p[:n]
	r.p = r.p[n:]
	return p
}

func (r *reader) text(limit uint64) string { return string(r.bytes(int(r.number(limit)))) }

func (r *reader) time() Time {
	sec, size := binary.Varint(r.p)
	if size <= 0 {
		r.fail()
		return Time{}
	}
	r.p = r.p[size:]
	return Time{sec, uint32(r.number(1e9 - 1))}
}

func (r *reader) entry(e *Entry) {
	if kind := r.bytes(1); kind != nil {
		e.Kind = Kind(kind[0])
	}
	e.Depth = int(r.number(MaxDepth))
	e.Name = r.text(maxName)
	if e.Kind == Link {
		e.Target = int(r.number(math.MaxInt32))
		return
	}
	e.Attr.Mode = uint32(r.number(0o7777))
	e.Attr.UID = uint32(r.number(math.MaxUint32 - 1)) // the last one would mean "leave it" to chown(2)
	e.Attr.GID = uint32(r.number(math.MaxUint32 - 1))
	e.Attr.Modified = r.time()
	e.Seen.Inode = r.number(math.MaxUint64)
	e.Seen.Changed = r.time()
	if n := r.count(3); n > 0 {
		e.Attr.Xattrs = make([]Xattr, n)
	}
	for i := range e.Attr.Xattrs {
		e.Attr.Xattrs[i] = Xattr{r.text(maxName), r.text(maxXattr)}
	}
	switch e.Kind {
	case File:
		r.spans(e)
	case Symlink:
		e.Text = r.text(maxText)
	case Char, Block:
		e.Device = r.number(math.MaxUint64)
	}
}

func (r *reader) spans(e *Entry) {
	e.Size = int64(r.number(math.MaxInt64))
	if n := r.count(4); n > 0 {
		e.Spans = make([]Span, n)
	}
	end := int64(0)
	for i := range e.Spans {
		s := &e.Spans[i]
		s.At = end + int64(r.number(uint64(e.Size-end)))
		s.Chunk = int(r.number(math.MaxInt32))
		s.Offset = uint32(r.number(chunk.Largest))
		s.Length = uint32(r.number(min(chunk.Largest, uint64(e.Size-s.At))))
		end = s.At + int64(s.Length)
	}
}

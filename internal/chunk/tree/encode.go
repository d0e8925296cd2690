package tree

import (
	"crypto/sha256"
	"encoding/binary"
)

// magic begins the bytes of a manifest, which are
//
//	magic, the time of the scan,
//	how many chunks: of each its digest (32 bytes) and its size,
//	how many entries: of each what entry writes,
//	the SHA-256 of all of that.
//
// Numbers are varints of encoding/binary, unsigned but for seconds; texts are their length and their bytes.
const magic = "berth tree 1\n"

// Encode is the manifest in bytes: the same ones for the same manifest.
func (m *Manifest) Encode() []byte {
	w := writer{p: make([]byte, 0, len(magic)+36*len(m.Chunks)+64*len(m.Entries)+64)}
	w.p = append(w.p, magic...)
	w.time(m.Started)
	w.number(uint64(len(m.Chunks)))
	for _, c := range m.Chunks {
		w.p = append(w.p, c.Digest[:]...)
		w.number(uint64(c.Size))
	}
	w.number(uint64(len(m.Entries)))
	for i := range m.Entries {
		w.entry(&m.Entries[i])
	}
	sum := sha256.Sum256(w.p)
	return append(w.p, sum[:]...)
}

type writer struct{ p []byte }

func (w *writer) number(n uint64) { w.p = binary.AppendUvarint(w.p, n) }

func (w *writer) text(s string) {
	w.number(uint64(len(s)))
	w.p = append(w.p, s...)
}

func (w *writer) time(t Time) {
	w.p = binary.AppendVarint(w.p, t.Sec)
	w.number(uint64(t.Nsec))
}

// entry writes the kind, the depth and the name; of a link then its target, and of another entry owner,
// mode, times and attributes, and what its kind has.
func (w *writer) entry(e *Entry) {
	w.p = append(w.p, byte(e.Kind))
	w.number(uint64(e.Depth))
	w.text(e.Name)
	if e.Kind == Link {
		w.number(uint64(e.Target))
		return
	}
	w.number(uint64(e.Attr.Mode))
	w.number(uint64(e.Attr.UID))
	w.number(uint64(e.Attr.GID))
	w.time(e.Attr.Modified)
	w.number(e.Seen.Inode)
	w.time(e.Seen.Changed)
	w.number(uint64(len(e.Attr.Xattrs)))
	for _, x := range e.Attr.Xattrs {
		w.text(x.Name)
		w.text(x.Value)
	}
	switch e.Kind {
	case File:
		w.spans(e)
	case Symlink:
		w.text(e.Text)
	case Char, Block:
		w.number(e.Device)
	}
}

// spans writes the size and where there is something: of each span how far it is from the end of the one before.
func (w *writer) spans(e *Entry) {
	w.number(uint64(e.Size))
	w.number(uint64(len(e.Spans)))
	end := int64(0)
	for _, s := range e.Spans {
		w.number(uint64(s.At - end))
		w.number(uint64(s.Chunk))
		w.number(uint64(s.Offset))
		w.number(uint64(s.Length))
		end = s.At + int64(s.Length)
	}
}

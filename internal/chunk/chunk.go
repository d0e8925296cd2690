// Package chunk keeps the contents of files in pieces that are known by their
// SHA-256: what is there once is not kept, read or sent again.
//
//   - Cutter says where pieces end.
//   - Ref names a piece; Pack and Unpack are its form at rest, compressed when that helps.
//   - Store keeps pieces in a directory, a file each. Batch adds some, all or none.
//   - chunk/tree describes a directory with all that is in it by its pieces, and makes it again.
//
// A snapshot, for one who keeps snapshots in a Store, goes
//
//	b := store.Begin()                              // nothing is collected until Close
//	defer b.Close()
//	m, err := tree.Scan(ctx, dir, b, tree.Options{Earlier: last})   // the files may not change now
//	err = b.Commit()                                // the pieces are on the disk
//	… write m.Encode() to where the snapshot is known by, and sync it
//
// and back
//
//	m, err := tree.Decode(p)
//	err = tree.Restore(ctx, m, store, emptyDir)      // every piece is verified
//	… sync it and rename it into place
//
// When a snapshot is removed, store.Collect removes what no manifest refers to.
package chunk

import (
	"crypto/sha256"
	"encoding/hex"

	"berth/internal/fault"
)

// Digest is the SHA-256 of a piece's data.
type Digest [sha256.Size]byte

// Sum is the digest of data.
func Sum(data []byte) Digest { return sha256.Sum256(data) }

func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// Parse reads what String has written.
func Parse(text string) (d Digest, err error) {
	if len(text) != hex.EncodedLen(len(d)) {
		return d, fault.New(fault.Invalid, "%q is no SHA-256 digest", text)
	}
	if _, err := hex.Decode(d[:], []byte(text)); err != nil || d.String() != text {
		return d, fault.New(fault.Invalid, "%q is no SHA-256 digest", text)
	}
	return d, nil
}

// Ref names a piece of data.
type Ref struct {
	Digest Digest
	Size   uint32 // in bytes, at most Largest
}

// RefOf is how a piece of data is named.
func RefOf(data []byte) Ref { return Ref{Sum(data), uint32(len(data))} }

// Check is an error unless the data is what the name says.
func (r Ref) Check(data []byte) error {
	if len(data) != int(r.Size) || Sum(data) != r.Digest {
		return fault.New(fault.Internal, "the chunk %s is corrupt: its content has another digest", r.Digest)
	}
	return nil
}

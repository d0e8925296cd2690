//go:build linux

package chunk

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"berth/internal/fault"
)

// Store is pieces of data in a directory: <dir>/ab/abcd… for the one whose digest is
// abcd…, packed. What batches are adding is in <dir>/.new-*/ and has other names.
// Its methods may be called from any goroutine; one process may have a directory open.
type Store struct {
	dir   string
	codec *Codec

	// Batches hold it for reading: what they have found to be there has to stay until
	// somebody refers to it. Collect holds it for writing.
	holds sync.RWMutex
}

const newPrefix = ".new-"

// Open returns the store in a directory, made if missing. What batches of
// an earlier process left is removed.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "the store of chunks cannot be made")
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "the store of chunks cannot be listed")
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), newPrefix) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "the store of chunks cannot be tidied up")
	}
	return &Store{dir: dir, codec: NewCodec()}, nil
}

func (s *Store) path(d Digest) string {
	name := d.String()
	return filepath.Join(s.dir, name[:2], name)
}

// Has reports whether a piece is there.
func (s *Store) Has(d Digest) bool {
	_, err := os.Lstat(s.path(d))
	return err == nil
}

// Get reads a piece, which is verified. The data may lie in buf, of which the
// capacity is used. NotFound says that there is no such piece.
func (s *Store) Get(_ context.Context, ref Ref, buf []byte) ([]byte, error) {
	packed, err := os.ReadFile(s.path(ref.Digest))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fault.New(fault.NotFound, "the chunk %s is missing", ref.Digest)
	}
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "the chunk %s cannot be read", ref.Digest)
	}
	return s.codec.Unpack(buf, packed, ref)
}

// Collect removes the pieces that are not kept and returns how many bytes of
// the disk that gives back. It waits for the batches that are open, and they for it.
func (s *Store) Collect(kept func(Digest) bool) (freed int64, err error) {
	s.holds.Lock()
	defer s.holds.Unlock()
	err = s.each(func(d Digest, size int64) error {
		if kept(d) {
			return nil
		}
		freed += size
		return os.Remove(s.path(d))
	})
	return freed, fault.Wrap(fault.Internal, err, "chunks that nobody needs cannot be removed")
}

// Usage is how many bytes the pieces take, packed.
func (s *Store) Usage() (total int64, err error) {
	err = s.each(func(_ Digest, size int64) error { total += size; return nil })
	return total, fault.Wrap(fault.Internal, err, "the store of chunks cannot be measured")
}

// each tells of every piece.
func (s *Store) each(tell func(d Digest, size int64) error) error {
	files, err := filepath.Glob(filepath.Join(s.dir, "[0-9a-f][0-9a-f]", "*"))
	if err != nil {
		return err
	}
	for _, file := range files {
		d, err := Parse(filepath.Base(file))
		if err != nil {
			continue // it is not ours
		}
		info, err := os.Lstat(file)
		if err != nil {
			return err
		}
		if err := tell(d, info.Size()); err != nil {
			return err
		}
	}
	return nil
}

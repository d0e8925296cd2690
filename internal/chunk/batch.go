//go:build linux

package chunk

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// Batch adds pieces to a store. They get their names at Commit, when their data
// is on the disk: a piece that has its name is whole, whatever happens to the machine.
type Batch struct {
	s *Store

	mu    sync.Mutex
	aside string          // "" while there is nothing new
	fresh map[Digest]bool // what lies there, or is being written there
	added int64
	bufs  sync.Pool
	done  bool
}

// Begin opens a batch; it waits for a Collect that is under way. Whoever opens it calls Close in the end.
func (s *Store) Begin() *Batch {
	s.holds.RLock()
	b := &Batch{s: s, fresh: map[Digest]bool{}}
	b.bufs.New = func() any { return new([]byte) }
	return b
}

// Put adds a piece unless it is there. Any number of goroutines may call it, and the data is
// theirs again when it returns. The place of the piece in the order of all is of no interest here.
func (b *Batch) Put(_ context.Context, _ int, ref Ref, data []byte) error {
	if b.s.Has(ref.Digest) {
		return nil
	}
	file, err := b.take(ref.Digest)
	if err != nil || file == "" {
		return err
	}
	buf := b.bufs.Get().(*[]byte)
	defer b.bufs.Put(buf)
	*buf = b.s.codec.Pack((*buf)[:0], data)
	if err := os.WriteFile(file, *buf, 0o600); err != nil {
		return fault.Wrap(fault.Internal, err, "a chunk cannot be written")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.added += int64(len(*buf))
	return nil
}

// take is where a piece is to be written; "" when another call does that.
func (b *Batch) take(d Digest) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fresh[d] {
		return "", nil
	}
	if b.aside == "" {
		aside, err := os.MkdirTemp(b.s.dir, newPrefix)
		if err != nil {
			return "", fault.Wrap(fault.Internal, err, "a chunk cannot be written")
		}
		b.aside = aside
	}
	b.fresh[d] = true
	return filepath.Join(b.aside, d.String()), nil
}

// Added is how many bytes the batch has written, packed.
func (b *Batch) Added() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.added
}

// Commit makes all that was added part of the store. It and its name are on the disk when this
// returns; whoever refers to it writes that down now, and calls Close afterwards.
func (b *Batch) Commit() error {
	if b.aside == "" {
		return nil
	}
	return fault.Wrap(fault.Internal, b.commit(), "chunks cannot be put on the disk")
}

func (b *Batch) commit() error {
	dir, err := os.Open(b.s.dir)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := unix.Syncfs(int(dir.Fd())); err != nil {
		return err
	}
	for d := range b.fresh {
		to := b.s.path(d)
		if err := os.Mkdir(filepath.Dir(to), 0o700); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
		if err := os.Rename(filepath.Join(b.aside, d.String()), to); err != nil {
			return err
		}
	}
	clear(b.fresh)
	return unix.Syncfs(int(dir.Fd()))
}

// Close lets go of the batch. What was not committed is gone.
func (b *Batch) Close() error {
	if b.done {
		return nil
	}
	b.done = true
	b.s.holds.RUnlock()
	if b.aside == "" {
		return nil
	}
	return fault.Wrap(fault.Internal, os.RemoveAll(b.aside), "what is left of a batch of chunks cannot be removed")
}

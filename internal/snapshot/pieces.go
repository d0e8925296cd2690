//go:build linux

package snapshot

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/chunk"
	chunktree "berth/internal/chunk/tree"
	"berth/internal/failpoint"
	"berth/internal/fault"
	"berth/internal/snapshot/tree"
)

// What is kept in pieces: <snapshots>/chunks has them, for all snapshots of a home, and a snapshot a manifest
// in the place of its tree. Who has the home's lock may open the store.
const (
	chunksDir    = "chunks"
	manifestFile = "manifest"
)

// pieces is the intake of files in pieces, of which each is kept once.
type pieces struct {
	from  *os.File
	batch *chunk.Batch
	read  atomic.Int64        // bytes that were looked at in the present pass
	m     *chunktree.Manifest // of the last pass, or of the last snapshot
	began time.Time           // when the last pass did, and
	took  time.Duration       // how long it took; 0 before the first
	fresh bool                // files have changed so shortly before it that they are read again
}

// newPieces begins where the last snapshot has ended: what has not changed since is not read.
func newPieces(home string, from *os.File) (*pieces, error) {
	store, err := chunk.Open(filepath.Join(home, dirName, chunksDir))
	if err != nil {
		return nil, err
	}
	p := &pieces{from: from}
	if p.m, err = latest(home); err != nil {
		return nil, err
	}
	p.batch = store.Begin()
	return p, nil
}

// latest is the manifest of the last snapshot in pieces, whose pieces are all there; nil without one.
func latest(home string) (*chunktree.Manifest, error) {
	all, err := list(home)
	if err != nil {
		return nil, err
	}
	for _, x := range slices.Backward(all) {
		if m, err := manifest(dir(home, x.ID)); m != nil || err != nil {
			return m, err
		}
	}
	return nil, nil
}

// Put counts what is read and passes it on.
func (p *pieces) Put(ctx context.Context, index int, ref chunk.Ref, data []byte) error {
	p.read.Add(int64(len(data)))
	return p.batch.Put(ctx, index, ref, data)
}

const (
	// settles is after how long a file that has been changed is not read again: the times of files may be no finer.
	settles = 4 * time.Second
	// short is how long others may stand still without any thought of less.
	short = 50 * time.Millisecond
)

func (p *pieces) ahead(ctx context.Context) (more bool, err error) {
	if !tree.Timed(p.from) {
		return false, nil
	}
	if p.fresh {
		t := time.NewTimer(time.Until(p.began.Add(settles)))
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			return false, fault.As(fault.Cancelled, ctx.Err())
		}
	}
	before := p.took
	p.began = time.Now()
	err = p.pass(ctx)
	p.took = time.Since(p.began)
	faster := before > 0 && p.took < before/2 // then it has read little
	more = p.took > short && !faster || p.read.Load() > fewBytes
	p.fresh = more && before > 0
	return more, err
}

func (p *pieces) last(ctx context.Context) error { return p.pass(ctx) }

func (p *pieces) pass(ctx context.Context) error {
	p.read.Store(0)
	m, err := chunktree.Scan(ctx, p.from, p, chunktree.Options{Earlier: p.m})
	if err == nil {
		p.m = m
	}
	if ctx.Err() != nil {
		err = fault.As(fault.Cancelled, errors.Join(ctx.Err(), err))
	}
	return err
}

// keep has all pieces on the disk before the manifest that refers to them has a name.
func (p *pieces) keep(_ context.Context, a *aside) (bytes, entries int64, err error) {
	if err := p.batch.Commit(); err != nil {
		return 0, 0, err
	}
	failpoint.At("snapshot.pieces")
	err = os.WriteFile(filepath.Join(a.path, manifestFile), p.m.Encode(), 0o600)
	return p.m.Size(), int64(len(p.m.Entries)) - 1, err
}

func (p *pieces) close() { p.batch.Close() }

// manifest is what a snapshot's directory says of its pieces; nil when it has a tree.
func manifest(dir string) (*chunktree.Manifest, error) {
	text, err := os.ReadFile(filepath.Join(dir, manifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return chunktree.Decode(text)
}

// restore makes a tree of pieces that are beside a snapshot at a name in a directory.
func restore(ctx context.Context, snapshots string, m *chunktree.Manifest, into *os.File, name string) error {
	store, err := chunk.Open(filepath.Join(snapshots, chunksDir))
	if err != nil {
		return err
	}
	if err := unix.Mkdirat(int(into.Fd()), name, 0o700); err != nil {
		return err
	}
	fd, err := unix.Openat(int(into.Fd()), name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	to := os.NewFile(uintptr(fd), name)
	defer to.Close()
	return chunktree.Restore(ctx, m, store, to)
}

// refer counts in how many snapshots of a home each piece is.
func refer(home string) (map[chunk.Digest]int, error) {
	entries, err := os.ReadDir(filepath.Join(home, dirName))
	if err != nil {
		return nil, err
	}
	refs := map[chunk.Digest]int{}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || e.Name() == chunksDir {
			continue
		}
		m, err := manifest(filepath.Join(home, dirName, e.Name()))
		if err != nil {
			return nil, err
		}
		if m == nil {
			continue
		}
		for _, c := range m.Chunks {
			refs[c.Digest]++
		}
	}
	return refs, nil
}

// collect removes the pieces that no snapshot of a home has. The caller has the home's lock. When it cannot tell
// which those are, all stay.
func collect(home string) error {
	chunks := filepath.Join(home, dirName, chunksDir)
	if _, err := os.Lstat(chunks); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	refs, err := refer(home)
	if err != nil {
		return err
	}
	store, err := chunk.Open(chunks)
	if err == nil {
		_, err = store.Collect(func(d chunk.Digest) bool { return refs[d] > 0 })
	}
	return err
}

// alone is how many bytes the pieces take that only one snapshot has.
func alone(home string, m *chunktree.Manifest) (sum int64, err error) {
	refs, err := refer(home)
	if err != nil {
		return 0, err
	}
	for _, c := range m.Chunks {
		if refs[c.Digest] != 1 {
			continue
		}
		name := c.Digest.String()
		info, err := os.Lstat(filepath.Join(home, dirName, chunksDir, name[:2], name))
		if err == nil {
			sum += info.Size()
		} else if !errors.Is(err, fs.ErrNotExist) { // it has just been removed
			return 0, err
		}
	}
	return sum, nil
}

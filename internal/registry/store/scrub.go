package store

import (
	"context"
	"errors"
	"io"
	"io/fs"

	"github.com/opencontainers/go-digest"
)

// Scrubbed is what a scrub has found.
type Scrubbed struct {
	Blobs   int   // that were read
	Bytes   int64 // which those had
	Damaged []digest.Digest
	// Missing is content that a repository has a link to and that is not there.
	Missing []digest.Digest
}

// Scrub reads every blob and compares it with its name. A damaged one goes to
// quarantine: who asks for it hears that it is not there, rather than getting
// something else, and a push of the same content mends it. pace is asked before
// each read how many bytes may be read now; it may wait; nil does not.
func (s *Store) Scrub(ctx context.Context, pace func(ctx context.Context, n int) error) (Scrubbed, error) {
	w := &scrubber{store: s, pace: pace}
	err := s.eachBlob(func(d digest.Digest, _ fs.FileInfo) error { return w.blob(ctx, d) })
	if err == nil {
		err = w.lost(ctx)
	}
	return w.found, err
}

// scrubber is one scrub.
type scrubber struct {
	store *Store
	pace  func(ctx context.Context, n int) error
	found Scrubbed
}

func (w *scrubber) blob(ctx context.Context, d digest.Digest) error {
	size, ok, err := w.verify(ctx, d)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // swept since
	}
	if err != nil {
		return err
	}
	w.found.Blobs++
	w.found.Bytes += size
	if ok {
		return nil
	}
	w.found.Damaged = append(w.found.Damaged, d)
	return w.quarantine(d)
}

func (w *scrubber) wait(ctx context.Context, n int) error {
	if err := ctx.Err(); err != nil || w.pace == nil {
		return err
	}
	return w.pace(ctx, n)
}

func (w *scrubber) verify(ctx context.Context, d digest.Digest) (size int64, ok bool, err error) {
	f, _, err := w.store.open(d)
	if err != nil {
		return 0, false, err
	}
	defer f.Close()
	hash := d.Algorithm().Hash()
	buf := make([]byte, chunk)
	for {
		if err := w.wait(ctx, len(buf)); err != nil {
			return size, false, err
		}
		n, err := f.Read(buf)
		hash.Write(buf[:n])
		size += int64(n)
		if errors.Is(err, io.EOF) {
			return size, digest.NewDigest(d.Algorithm(), hash) == d, nil
		}
		if err != nil {
			return size, false, nil // a disk that cannot read it has not kept it
		}
	}
}

// quarantine moves a damaged blob out of the way.
func (w *scrubber) quarantine(d digest.Digest) error {
	lock := w.store.content.get(d.String())
	lock.Lock()
	defer lock.Unlock()
	err := w.store.rename(blobPath(d), "quarantine/"+d.Algorithm().String()+"-"+d.Encoded())
	if err != nil {
		return gone(err)
	}
	return w.store.sync("blobs/" + d.Algorithm().String() + "/" + d.Encoded()[:2])
}

// lost looks for links to nothing.
func (w *scrubber) lost(ctx context.Context) error {
	seen := map[digest.Digest]bool{}
	return w.store.eachRepo("", func(repo string) error {
		for _, what := range []string{"_blobs", "_manifests"} {
			list, err := w.store.linked(repo, what)
			if err := errors.Join(err, ctx.Err()); err != nil {
				return err
			}
			for _, d := range list {
				if seen[d] {
					continue
				}
				seen[d] = true
				if _, err := w.store.root.Stat(blobPath(d)); err != nil && w.stillLinked(repo, what, d) {
					w.found.Missing = append(w.found.Missing, d)
				}
			}
		}
		return nil
	})
}

func (w *scrubber) stillLinked(repo, what string, d digest.Digest) bool {
	_, err := w.store.root.Stat(linkPath(repo, what, d))
	return err == nil
}

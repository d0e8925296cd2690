package mirror

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"berth/internal/fault"
	"berth/internal/registry"
	"berth/internal/registry/refusal"

	"github.com/opencontainers/go-digest"
)

const (
	// tries is how often a blob is asked for; a later one goes on where the one
	// before broke off.
	tries = 4
	// idle is how long an upstream may send nothing.
	idle = time.Minute
)

// flight is a blob on its way here. Whoever asks for it reads along while it comes.
type flight struct {
	known chan struct{} // closed once size and open, or err, are set
	size  int64
	open  func() (*os.File, error) // what has come, and what comes

	mu   sync.Mutex
	more *sync.Cond
	got  int64
	done bool
	err  error
}

func newFlight() *flight {
	f := &flight{known: make(chan struct{}), size: -1}
	f.more = sync.NewCond(&f.mu)
	return f
}

// Blob is a blob from here, or one that comes.
func (m *Mirror) Blob(ctx context.Context, repo string, d digest.Digest) (registry.Blob, error) {
	if kept, err := m.Cache.Blob(ctx, repo, d); !refusal.Is(err, refusal.BlobUnknown) {
		return kept, err
	}
	f := m.join(ctx, repo, d)
	if f == nil {
		return m.Cache.Blob(ctx, repo, d)
	}
	select {
	case <-f.known:
	case <-ctx.Done():
		return registry.Blob{}, ctx.Err()
	}
	if f.open == nil {
		if err := f.failure(repo, d); err != nil {
			return registry.Blob{}, err
		}
		return m.Cache.Blob(ctx, repo, d)
	}
	file, err := f.open()
	if err != nil {
		// It has come while this was waiting, and is being given its place.
		if err := f.ended(); err != nil {
			return registry.Blob{}, f.failure(repo, d)
		}
		return m.Cache.Blob(ctx, repo, d)
	}
	return registry.Blob{Content: &along{flight: f, file: file}, Size: f.size}, nil
}

func (f *flight) failure(repo string, d digest.Digest) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case fault.Is(f.err, fault.NotFound):
		return refusal.New(refusal.BlobUnknown, "%s has no blob %s: %v", repo, d, f.err)
	case fault.Is(f.err, fault.Unavailable):
		return unavailable(f.err)
	}
	return f.err
}

// join returns the blob's flight, and starts it if there is none, or nil if the
// blob has come since it was looked for. A flight goes on when those who wanted it
// have gone: the next will want it too.
func (m *Mirror) join(ctx context.Context, repo string, d digest.Digest) *flight {
	key := repo + "@" + d.String()
	m.mu.Lock()
	defer m.mu.Unlock()
	if f := m.flights[key]; f != nil {
		return f
	}
	if kept, err := m.Cache.Blob(ctx, repo, d); err == nil {
		_ = kept.Content.Close()
		return nil
	}
	f := newFlight()
	if m.flights == nil {
		m.flights = map[string]*flight{}
	}
	m.flights[key] = f
	go func() {
		err := m.bring(context.WithoutCancel(ctx), repo, d, f)
		f.end(err)
		m.mu.Lock()
		delete(m.flights, key) // it is in the cache, or is tried again
		m.mu.Unlock()
		if err != nil && !fault.Is(err, fault.NotFound) {
			m.Failed(fmt.Errorf("fetch %s of %s: %w", d, repo, err))
		}
	}()
	return f
}

// end wakes everybody up for the last time.
func (f *flight) end(err error) {
	f.mu.Lock()
	f.done, f.err = true, err
	if err == nil {
		f.got = f.size
	}
	f.mu.Unlock()
	f.more.Broadcast()
	select {
	case <-f.known:
	default:
		close(f.known)
	}
}

// ended waits for the flight's end.
func (f *flight) ended() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for !f.done {
		f.more.Wait()
	}
	return f.err
}

// bring fetches a blob into the cache.
func (m *Mirror) bring(ctx context.Context, repo string, d digest.Digest, f *flight) error {
	u, err := m.Cache.Begin(ctx, repo)
	if err != nil {
		return err
	}
	defer u.Close()
	for try := 1; ; try++ {
		err = m.part(ctx, repo, d, u, f)
		if err == nil || try == tries || !fault.Is(err, fault.Unavailable) {
			break
		}
		select {
		case <-time.After(time.Duration(try) * 500 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	if err != nil {
		return errors.Join(err, u.Cancel())
	}
	err = u.Commit(d)
	if refusal.Is(err, refusal.DigestInvalid) {
		return fault.Wrap(fault.Unavailable, err, "the upstream sent something else")
	}
	return err
}

// part asks for what is missing of a blob, and takes in what comes.
func (m *Mirror) part(ctx context.Context, repo string, d digest.Digest, u registry.Upload, f *flight) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	header := http.Header{}
	if u.Size() > 0 {
		header.Set("Range", fmt.Sprintf("bytes=%d-", u.Size()))
	}
	resp, err := m.Upstream.ask(ctx, http.MethodGet, repo, "blobs/"+d.String(), header)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body := io.Reader(resp.Body)
	if u.Size() > 0 && resp.StatusCode != http.StatusPartialContent {
		if _, err := io.CopyN(io.Discard, body, u.Size()); err != nil { // it knows no ranges
			return away(err)
		}
	}
	f.announce(u, resp)
	stalled := time.AfterFunc(idle, cancel)
	defer stalled.Stop()
	taken := &counted{from: body, moved: func(n int) {
		stalled.Reset(idle)
		f.came(u.Size()) // what is in the file; what n adds comes with the next
	}}
	if err := u.Append(taken, d.Algorithm()); err != nil {
		f.came(u.Size())
		if taken.failed != nil {
			return away(taken.failed)
		}
		return err
	}
	f.came(u.Size())
	if f.size >= 0 && u.Size() < f.size {
		return away(io.ErrUnexpectedEOF)
	}
	return nil
}

// announce lets those who wait begin to read, if it is known how much there will be.
func (f *flight) announce(u registry.Upload, resp *http.Response) {
	select {
	case <-f.known:
		return
	default:
	}
	if u.Size() > 0 {
		return // this answer is of a part
	}
	f.size = resp.ContentLength
	growing, ok := u.(interface{ Reader() (*os.File, error) })
	if f.size < 0 || !ok {
		return // they wait for all of it
	}
	f.open = growing.Reader
	close(f.known)
}

// came lets readers go on. The last byte waits until all have been compared with
// the digest: nobody gets the whole of something else.
func (f *flight) came(size int64) {
	f.mu.Lock()
	f.got = max(f.got, min(size, f.size-1))
	f.mu.Unlock()
	f.more.Broadcast()
}

// counted tells of each read, and keeps the error that ended them.
type counted struct {
	from   io.Reader
	moved  func(n int)
	failed error
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.moved(n)
	if err != nil && !errors.Is(err, io.EOF) {
		c.failed = err
	}
	return n, err
}

// along reads a blob while it comes.
type along struct {
	flight *flight
	file   *os.File
	at     int64
}

func (a *along) Read(p []byte) (int, error) {
	if a.at >= a.flight.size {
		return 0, io.EOF
	}
	there, err := a.flight.wait(a.at)
	if err != nil {
		return 0, err
	}
	if most := there - a.at; int64(len(p)) > most {
		p = p[:most]
	}
	n, err := a.file.ReadAt(p, a.at)
	a.at += int64(n)
	return n, err
}

// wait waits for a byte at an offset, and returns how many are there.
func (f *flight) wait(at int64) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.got <= at {
		if f.done {
			return 0, errors.Join(f.err, io.ErrUnexpectedEOF)
		}
		f.more.Wait()
	}
	return f.got, nil
}

// Seek is for http.ServeContent.
func (a *along) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += a.at
	case io.SeekEnd:
		offset += a.flight.size
	}
	if offset < 0 {
		return 0, fault.New(fault.Invalid, "there is nothing before the beginning")
	}
	a.at = offset
	return offset, nil
}

// Close closes what was read from; the flight goes on.
func (a *along) Close() error { return a.file.Close() }

//go:build linux

package tree

import (
	"context"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"berth/internal/chunk"
)

// file is one whose contents are being written.
type file struct {
	f     *os.File
	entry int
	left  atomic.Int32 // jobs
}

// job is some of a file's spans.
type job struct {
	*file
	spans []Span
}

// spansOfJob is how many spans one worker writes at a time: so the contents of a large file
// are written by several.
const spansOfJob = 16

// makeFile makes a file with all its holes, and leaves the rest to the workers.
func (r *restore) makeFile(i, dir int) error {
	e := &r.m.Entries[i]
	fd, err := openat(dir, e.Name, unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	f := &file{f: os.NewFile(uintptr(fd), e.Name), entry: i}
	if e.Size > 0 {
		if err := f.f.Truncate(e.Size); err != nil {
			f.f.Close()
			return err
		}
	}
	rest, jobs := e.Spans, max(1, (len(e.Spans)+spansOfJob-1)/spansOfJob)
	f.left.Store(int32(jobs))
	for k := range jobs {
		n := min(spansOfJob, len(rest))
		select {
		case r.jobs <- job{f, rest[:n]}:
			rest = rest[n:]
		case <-r.ctx.Done():
			if f.left.Add(int32(k-jobs)) == 0 {
				f.f.Close()
			}
			return context.Cause(r.ctx)
		}
	}
	return nil
}

// work writes files until there are none. After an error it only closes them.
func (r *restore) work() {
	var buf []byte
	for j := range r.jobs {
		if r.ctx.Err() == nil {
			r.fail(r.about(j.entry, r.write(j, &buf)))
		}
		if j.left.Add(-1) > 0 {
			continue
		}
		if r.ctx.Err() == nil {
			r.fail(r.about(j.entry, dress(int(j.f.Fd()), &r.m.Entries[j.entry])))
		}
		j.f.Close()
	}
}

func (r *restore) write(j job, buf *[]byte) error {
	for _, s := range j.spans {
		data, err := r.store.get(r.ctx, s, buf)
		if err != nil {
			return err
		}
		if _, err := j.f.WriteAt(data, s.At); err != nil {
			return err
		}
	}
	return nil
}

// cache keeps the pieces that several files share for as long as those are written.
type cache struct {
	refs []chunk.Ref
	from Source

	mu     sync.Mutex
	recent []*piece // the latest last
}

type piece struct {
	chunk int
	once  sync.Once
	data  []byte
	err   error
}

// kept is how many shared pieces are kept: a few more than there are workers.
const kept = 8

func newCache(refs []chunk.Ref, from Source) *cache { return &cache{refs: refs, from: from} }

// get is the data of a span. What is a whole piece is read to the caller's buffer.
func (c *cache) get(ctx context.Context, s Span, buf *[]byte) ([]byte, error) {
	ref := c.refs[s.Chunk]
	if s.Length == ref.Size {
		if cap(*buf) < chunk.Largest {
			*buf = make([]byte, 0, chunk.Largest)
		}
		return c.from.Get(ctx, ref, *buf)
	}
	p := c.piece(s.Chunk)
	p.once.Do(func() { p.data, p.err = c.from.Get(ctx, ref, nil) })
	if p.err != nil {
		return nil, p.err
	}
	return p.data[s.Offset : s.Offset+s.Length], nil
}

func (c *cache) piece(i int) *piece {
	c.mu.Lock()
	defer c.mu.Unlock()
	for at, p := range c.recent {
		if p.chunk == i {
			c.recent = append(append(c.recent[:at:at], c.recent[at+1:]...), p)
			return p
		}
	}
	p := &piece{chunk: i}
	if len(c.recent) == kept {
		c.recent = c.recent[1:]
	}
	c.recent = append(c.recent, p)
	return p
}

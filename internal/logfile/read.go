package logfile

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/klauspost/compress/gzip"

	"berth/internal/fault"
)

// ReadOptions choose entries.
type ReadOptions struct {
	Since  time.Time // entries from then on; zero means all
	Until  time.Time // entries up to then; zero means all
	Tail   int       // of all entries, how many of the last to look at; negative means all, 0 none
	Follow bool      // go on with what comes, until the log is closed
}

// errUntil ends a read at the first entry behind Until.
var errUntil = errors.New("logfile: the end of what was asked for")

// Read calls fn for every entry of a log that nobody writes, oldest first. A
// log that does not exist has no entries. What is no entry is passed
// over. It ends with fn's error or ctx's.
func Read(ctx context.Context, path string, format Format, o ReadOptions, fn func(Entry) error) error {
	parts, err := openParts(path)
	if err != nil {
		return err
	}
	defer func() { closeParts(parts) }() // also what is still to come
	f, err := os.Open(path)
	if err == nil {
		var st os.FileInfo
		if st, err = f.Stat(); err == nil {
			parts = append(parts, part{file: f, end: st.Size()})
		} else {
			f.Close()
		}
	}
	if gone(err) != nil {
		return err
	}
	r := newReader(ctx, format, o, fn)
	return r.result(r.parts(parts))
}

// Read calls fn for every entry of the log, oldest first; with Follow also
// for those to come, until the log is closed or ctx is done. A follower that
// lets more than a few whole files pass is ended with an Unavailable fault. fn
// runs without any lock of the log.
func (l *Log) Read(ctx context.Context, o ReadOptions, fn func(Entry) error) error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return Read(ctx, l.path, l.opts.Format, o, fn)
	}
	parts, err := openParts(l.path)
	seg := l.cur
	seg.refs++
	written := seg.written
	st, statErr := seg.file.Stat() // under the lock, so that it is the end of a line
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.drop(seg)
	}()
	defer func() { closeParts(parts) }()
	if err = errors.Join(err, statErr); err != nil {
		return err
	}
	if o.Follow && !o.Until.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadlineCause(ctx, o.Until, errUntil)
		defer cancel()
	}
	r := newReader(ctx, l.opts.Format, o, fn)
	r.written = written
	err = r.parts(append(parts, part{file: seg.file, end: st.Size(), shared: true}))
	closeParts(parts)
	parts = nil
	if err == nil && o.Follow {
		err = r.follow(l, &seg)
	}
	return r.result(l.readError(err))
}

// readError explains an error that comes of a file that was taken away.
func (l *Log) readError(err error) error {
	if !errors.Is(err, os.ErrClosed) {
		return err
	}
	return fault.Wrap(fault.Unavailable, err, "the reader of %s is too many rotations behind", l.path)
}

// reader is one Read.
type reader struct {
	ctx     context.Context
	opts    ReadOptions
	fn      func(Entry) error
	parser  Parser
	records records
	offset  int64  // in the segment that is followed
	written uint64 // its count when we last looked
}

func newReader(ctx context.Context, format Format, o ReadOptions, fn func(Entry) error) *reader {
	return &reader{ctx: ctx, opts: o, fn: fn, parser: format.Parser(), records: records{format: format}}
}

// result turns the end of what was asked for into no error.
func (r *reader) result(err error) error {
	if errors.Is(err, errUntil) {
		return nil
	}
	return err
}

// done is why the read has to end, or nil.
func (r *reader) done() error {
	err := r.ctx.Err()
	if err != nil && context.Cause(r.ctx) == errUntil {
		return errUntil
	}
	return err
}

// parts reads all parts, the last of which may be followed afterwards.
func (r *reader) parts(parts []part) error {
	if r.opts.Tail >= 0 {
		if err := tail(r.records.format, parts, r.opts.Tail); err != nil {
			return err
		}
	}
	for i := range parts {
		p := &parts[i]
		r.records.reset()
		if err := r.part(p); err != nil {
			return err
		}
		if p.shared {
			r.offset = p.end
		}
	}
	return nil
}

func (r *reader) part(p *part) error {
	if p.start < 0 || p.start >= p.end || p.isOlder(r.opts.Since) {
		return nil
	}
	if err := p.seek(r.records.format, r.opts.Since); err != nil {
		return err
	}
	if p.start < 0 {
		return nil
	}
	rest := io.NewSectionReader(p.file, p.start, p.end-p.start)
	if !p.gz {
		return r.all(rest)
	}
	z, err := gzip.NewReader(bufio.NewReader(rest))
	if err != nil {
		return err
	}
	defer z.Close()
	r.records.skip = p.skip
	return r.all(z)
}

// all passes on every whole entry that comes from f.
func (r *reader) all(f io.Reader) error {
	for {
		if err := r.done(); err != nil {
			return err
		}
		n, err := r.records.fill(f)
		if n > 0 {
			if err := r.emit(); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// emit passes on the whole entries that are in memory.
func (r *reader) emit() error {
	for {
		record, ok := r.records.next()
		if !ok {
			return nil
		}
		e, err := r.parser.Parse(record)
		if err != nil || e.Time.Before(r.opts.Since) {
			continue
		}
		if !r.opts.Until.IsZero() && e.Time.After(r.opts.Until) {
			return errUntil
		}
		if err := r.fn(e); err != nil {
			return err
		}
	}
}

// follow goes on behind what has been read. *seg is the segment that it holds
// a reference to.
func (r *reader) follow(l *Log, seg **segment) error {
	for {
		s := *seg
		if err := r.drain(s); err != nil {
			return err
		}
		l.mu.Lock()
		var wait chan struct{}
		unread := s.written != r.written
		r.written = s.written
		switch {
		case unread:
		case s.next != nil:
			*seg = s.next
			s.next.refs++
			l.drop(s)
			r.offset, r.written = 0, 0
			r.records.reset()
		case l.closed:
			l.mu.Unlock()
			return nil
		default:
			if l.wake == nil {
				l.wake = make(chan struct{})
			}
			wait = l.wake
		}
		l.mu.Unlock()
		if wait == nil {
			continue
		}
		select {
		case <-wait:
		case <-r.ctx.Done():
			return r.done()
		}
	}
}

// drain reads a segment to its present end.
func (r *reader) drain(s *segment) error {
	f := io.NewSectionReader(s.file, r.offset, 1<<62)
	err := r.all(f)
	n, _ := f.Seek(0, io.SeekCurrent)
	r.offset += n
	if err != nil || n > 0 {
		return err
	}
	// Somebody has truncated the file: begin again with what is new.
	if st, err := s.file.Stat(); err == nil && st.Size() < r.offset {
		r.offset = 0
		r.records.reset()
		return r.drain(s)
	}
	return nil
}

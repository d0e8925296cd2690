package logfile

import (
	"bytes"
	"errors"
	"io"
	"os"
	"sync"
	"time"
	"unicode/utf8"

	"berth/internal/fault"
)

// partSize is where Docker splits a long line.
const partSize = 16 << 10

// fileMode is what Docker gives its logs.
const fileMode = 0o640

// maxBehind is how many rotations a reader may be behind, beside MaxFile,
// before the files that it has not read are taken from it: a client that
// stopped reading must not fill the disk with files that nobody can see.
const maxBehind = 8

// Log is the log of one container, open for writing.
type Log struct {
	path   string
	opts   Options
	attrs  string
	mu     sync.Mutex
	cur    *segment
	oldest *segment // the oldest one that a reader may still hold
	size   int64    // of the current file, as written by us
	buf    []byte   // reused from chunk to chunk
	held   map[string]*partial
	wake   chan struct{} // closed at the next change; nil when nobody waits
	closed bool
	gz     chan struct{} // closed when the compression under way is done; nil before the first
}

// partial is the beginning of a line whose end has not come.
type partial struct {
	line   []byte
	suffix []byte // with the time when it began
}

// Open opens or makes the log at path. A last line that a crash has torn is
// taken away.
func Open(path string, o Options) (*Log, error) {
	f, err := openFile(path)
	if err != nil {
		return nil, err
	}
	size, err := mend(f)
	if err != nil {
		f.Close()
		return nil, err
	}
	s := newSegment(f, 0)
	return &Log{path: path, opts: o, attrs: attrsJSON(o.Attrs), cur: s, oldest: s, size: size, held: map[string]*partial{}}, nil
}

func openFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, fileMode)
}

// mend truncates a file behind its last whole line and returns its size.
func mend(f *os.File) (int64, error) {
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	end := st.Size()
	for b := make([]byte, 4096); end > 0; {
		from := max(0, end-int64(len(b)))
		n, err := f.ReadAt(b[:end-from], from)
		if err != nil && err != io.EOF {
			return 0, err
		}
		if i := bytes.LastIndexByte(b[:n], '\n'); i >= 0 {
			end = from + int64(i) + 1
			break
		}
		end = from
	}
	if end == st.Size() {
		return end, nil
	}
	return end, f.Truncate(end)
}

// Write appends what the container wrote to a stream ("stdout" or "stderr")
// at t. The chunk may hold several lines or a piece of one; the end of it that
// is no whole line waits for more. The error is the disk's: what could not be
// written is lost, and the log can still be used.
func (l *Log) Write(stream string, t time.Time, chunk []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return fault.New(fault.Conflict, "the log %s is closed", l.path)
	}
	p := l.held[stream]
	if p == nil {
		p = &partial{}
		l.held[stream] = p
	}
	suffix := l.suffix(stream, t)
	var errs error
	for len(chunk) > 0 {
		piece, rest, whole := bytes.Cut(chunk, []byte{'\n'})
		chunk = rest
		var err error
		if whole && len(p.line) == 0 && len(piece) < partSize {
			err = l.entry(piece, true, suffix)
		} else {
			err = l.lengthen(p, piece, whole, suffix)
		}
		if err != nil {
			errs = err
		}
	}
	if err := l.flush(); err != nil {
		errs = err
	}
	return errs
}

// lengthen adds a piece to a line that has begun, or begins one, and writes
// what is ready of it.
func (l *Log) lengthen(p *partial, piece []byte, whole bool, suffix []byte) error {
	if len(p.line) == 0 {
		p.suffix = append(p.suffix[:0], suffix...)
	}
	p.line = append(p.line, piece...)
	var errs error
	for len(p.line) >= partSize {
		part := cutRune(p.line[:partSize])
		errs = errors.Join(errs, l.entry(part, false, p.suffix))
		p.line = append(p.line[:0], p.line[len(part):]...)
	}
	if whole {
		errs = errors.Join(errs, l.entry(p.line, true, p.suffix))
		p.line = p.line[:0]
	}
	return errs
}

// cutRune takes the beginning of a character off the end of a part: torn, it
// would be unreadable in both.
func cutRune(part []byte) []byte {
	for i := len(part) - 1; i > len(part)-utf8.UTFMax; i-- {
		if utf8.RuneStart(part[i]) {
			if !utf8.FullRune(part[i:]) {
				return part[:i]
			}
			break
		}
	}
	return part
}

// suffix is an entry's part behind the text.
func (l *Log) suffix(stream string, t time.Time) []byte {
	b := make([]byte, 0, 96+len(l.attrs))
	b = append(append(append(b, `,"stream":"`...), stream...), '"')
	b = append(append(b, l.attrs...), `,"time":"`...)
	return append(t.UTC().AppendFormat(b, time.RFC3339Nano), "\"}\n"...)
}

// entry adds one entry to the buffer, and rotates when the file is full.
func (l *Log) entry(line []byte, whole bool, suffix []byte) error {
	b := appendEscaped(append(l.buf, `{"log":"`...), line)
	if whole {
		b = append(b, `\n`...)
	}
	l.buf = append(append(b, '"'), suffix...)
	if l.opts.MaxSize > 0 && l.size+int64(len(l.buf)) >= l.opts.MaxSize {
		return errors.Join(l.flush(), l.rotate())
	}
	return nil
}

// flush hands the buffer to the kernel and wakes the readers.
func (l *Log) flush() error {
	if len(l.buf) == 0 {
		return nil
	}
	n, err := l.cur.file.Write(l.buf)
	if err != nil && n > 0 {
		// Leave no torn line, on which the next one would be written.
		if st, e := l.cur.file.Stat(); e == nil {
			l.cur.file.Truncate(st.Size() - int64(n))
		}
		n = 0
	}
	l.size += int64(n)
	l.buf = l.buf[:0]
	l.cur.written++
	l.broadcast()
	return err
}

func (l *Log) broadcast() {
	if l.wake != nil {
		close(l.wake)
		l.wake = nil
	}
}

// Flush writes the beginnings of lines that are held, as they are.
func (l *Log) Flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	return l.flushHeld()
}

func (l *Log) flushHeld() error {
	var errs error
	for _, stream := range []string{"stdout", "stderr"} {
		if p := l.held[stream]; p != nil && len(p.line) > 0 {
			errs = errors.Join(errs, l.entry(p.line, false, p.suffix))
			p.line = p.line[:0]
		}
	}
	return errors.Join(errs, l.flush())
}

// Close writes what is held and ends the readers that follow, once they have
// read everything. It waits for a compression that is under way.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	err := l.flushHeld()
	l.closed = true
	l.broadcast()
	l.drop(l.cur)
	l.waitCompressed()
	return err
}

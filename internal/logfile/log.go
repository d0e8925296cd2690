package logfile

import (
	"errors"
	"os"
	"sync"
	"time"

	"berth/internal/fault"
)

// fileMode is what Docker gives its logs.
const fileMode = 0o640

// flushSize is how much is gathered at most before the kernel gets it.
const flushSize = 256 << 10

// maxBehind is how many rotations a reader may be behind, beside MaxFile,
// before the files that it has not read are taken from it: a client that
// stopped reading must not fill the disk with files that nobody can see.
const maxBehind = 8

// Log is the log of one container, open for writing.
type Log struct {
	path   string
	opts   Options
	mu     sync.Mutex
	cur    *segment
	oldest *segment // the oldest one that a reader may still hold
	size   int64    // of the current file, as written by us
	buf    []byte   // entries that the kernel has not got yet
	split  Splitter
	emit   func(*Message) error // entry
	wake   chan struct{}        // closed at the next change; nil when nobody waits
	closed bool
	calm   *time.Timer   // begins a compression when there has been no rotation for a while; nil before the first
	gz     chan struct{} // closed when the compression under way is done; nil when there is none
}

// Open opens or makes the log at path. A last line that a crash has torn is
// taken away.
func Open(path string, o Options) (*Log, error) {
	f, err := openFile(path)
	if err != nil {
		return nil, err
	}
	size, err := mend(f, o.Format)
	if err != nil {
		f.Close()
		return nil, err
	}
	s := newSegment(f, 0)
	l := &Log{path: path, opts: o, cur: s, oldest: s, size: size}
	l.emit = l.entry
	l.compressLater() // what an earlier life has left
	return l, nil
}

func openFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, fileMode)
}

// mend truncates a file behind its last whole entry and returns its size.
func mend(f *os.File, format Format) (int64, error) {
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	_, end, _, err := format.Back(f, st.Size(), 1)
	if err != nil || end == st.Size() {
		return end, err
	}
	return end, f.Truncate(end)
}

// Write appends what the container wrote to a stream ("stdout" or "stderr")
// at t. The chunk may hold several lines or a piece of one; the end of it that
// is no whole line waits for more. The error is the disk's: what could not be
// written is lost, and the log can still be used. When Write returns, the
// kernel has the entries: the end of this process takes nothing from them.
func (l *Log) Write(stream string, t time.Time, chunk []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return l.closedError()
	}
	return errors.Join(l.split.Split(stream, t, chunk, l.emit), l.flush())
}

// Log adds one entry. Flush hands those that were added to the kernel.
func (l *Log) Log(m *Message) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return l.closedError()
	}
	return l.entry(m)
}

func (l *Log) closedError() error { return fault.New(fault.Conflict, "the log %s is closed", l.path) }

// entry adds one entry to the buffer, and rotates when the file is full.
func (l *Log) entry(m *Message) error {
	l.buf = l.opts.Format.Append(l.buf, m)
	if l.opts.MaxSize > 0 && l.size+int64(len(l.buf)) >= l.opts.MaxSize {
		return errors.Join(l.flush(), l.rotate())
	}
	if len(l.buf) >= flushSize {
		return l.flush()
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

// Flush hands all entries to the kernel.
func (l *Log) Flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	return l.flush()
}

// Close writes what is held and ends the readers that follow, once they have
// read everything. It waits for a compression that is under way; a file that was rotated just now
// is compressed when the log is opened again.
func (l *Log) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	err := errors.Join(l.split.Rest(l.emit), l.flush())
	l.closed = true
	l.broadcast()
	l.drop(l.cur)
	if l.calm != nil {
		l.calm.Stop()
	}
	gz := l.gz
	l.mu.Unlock()
	if gz != nil {
		<-gz
	}
	return err
}

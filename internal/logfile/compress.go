package logfile

import (
	"errors"
	"io"
	"os"
	"time"

	"github.com/klauspost/compress/gzip"
)

// calmTime is how long no rotation has to come before rotated files are
// compressed: while a container writes that fast, its files are soon gone, and
// compressing them would take the processor from it.
const calmTime = time.Second

// compressLater compresses the rotated files when the log is calm. The caller
// holds the lock, or nobody else has the log yet.
func (l *Log) compressLater() {
	switch {
	case !l.opts.Compress || l.opts.MaxFile < 2:
	case l.calm == nil:
		l.calm = time.AfterFunc(calmTime, l.compress)
	default:
		l.calm.Reset(calmTime)
	}
}

// compress replaces all rotated files by their compressed forms, one at a time.
// A failure leaves a file as it is, which reads as well.
func (l *Log) compress() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.gz != nil {
		return
	}
	done := make(chan struct{})
	l.gz = done
	defer func() {
		l.gz = nil
		close(done)
	}()
	for i := l.opts.MaxFile - 1; i > 0 && !l.closed; i-- {
		if err := l.compressOne(i); err != nil {
			return
		}
	}
}

// compressOne compresses the file with a number. The lock is given up
// meanwhile, so that the file may have another number in the end, or be gone.
func (l *Log) compressOne(i int) error {
	in, err := os.Open(rotated(l.path, i))
	if err != nil {
		return gone(err)
	}
	defer in.Close()
	number := l.cur.number - i
	tmp := l.path + ".gz.tmp"
	l.mu.Unlock()
	err = compressFile(in, tmp, l.opts.Format)
	l.mu.Lock()
	i = l.cur.number - number
	if err == nil && i < l.opts.MaxFile {
		// At every moment one of the two is whole; a reader looks for the first one first.
		if err = os.Rename(tmp, rotated(l.path, i)+".gz"); err == nil {
			return os.Remove(rotated(l.path, i))
		}
	}
	return errors.Join(err, gone(os.Remove(tmp)))
}

// compressFile writes the compressed form of a file, with its time.
func compressFile(in *os.File, to string, format Format) error {
	st, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, fileMode)
	if err != nil {
		return err
	}
	z, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	if err == nil {
		c := compressor{format: format, out: out, zip: z}
		err = c.compress(in)
	}
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return err
	}
	// A reader asks when the entries were written.
	return os.Chtimes(to, st.ModTime(), st.ModTime())
}

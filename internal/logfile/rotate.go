package logfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// segment is one file of the log from when it becomes the current one until
// nobody reads it any more. Each refers to its successor, so that a reader
// can go on after a rotation, whatever became of the names.
type segment struct {
	file    *os.File
	number  int
	next    *segment
	refs    int    // readers, the writer, and the predecessor if it is alive
	written uint64 // how many times it was written to
	lost    bool   // the file was taken away from slow readers
}

func newSegment(f *os.File, number int) *segment { return &segment{file: f, number: number, refs: 1} }

// drop gives up one reference to s, and closes it and what hangs on it with
// the last one. The caller holds the lock.
func (l *Log) drop(s *segment) {
	for s != nil {
		if s.refs--; s.refs > 0 {
			return
		}
		if !s.lost {
			s.file.Close()
		}
		if l.oldest == s && s.next != nil {
			l.oldest = s.next
		}
		s = s.next
	}
}

// rotate starts a new file. The caller holds the lock.
func (l *Log) rotate() error {
	// Somebody may have truncated the file, which people do to get space back.
	if st, err := l.cur.file.Stat(); err == nil && st.Size() < l.opts.MaxSize {
		l.size = st.Size()
		return nil
	}
	if err := l.shift(); err != nil {
		return err
	}
	f, err := openFile(l.path)
	if err != nil {
		return err
	}
	old := l.cur
	l.cur, l.size = newSegment(f, old.number+1), 0
	old.next = l.cur
	l.cur.refs++ // old's
	l.drop(old)  // the writer's
	l.leaveBehind()
	l.compressLater()
	return nil
}

// shift makes room for a new current file: the oldest goes, the others move by one.
func (l *Log) shift() error {
	last := l.opts.MaxFile - 1
	if last < 1 {
		return gone(os.Remove(l.path))
	}
	for _, ext := range []string{"", ".gz"} {
		if err := gone(os.Remove(rotated(l.path, last) + ext)); err != nil {
			return err
		}
		for i := last - 1; i > 0; i-- {
			if err := gone(os.Rename(rotated(l.path, i)+ext, rotated(l.path, i+1)+ext)); err != nil {
				return err
			}
		}
	}
	return gone(os.Rename(l.path, rotated(l.path, 1)))
}

func rotated(path string, n int) string { return path + "." + strconv.Itoa(n) }

// gone makes it no error that there is no such file.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// leaveBehind takes files away from readers that are hopelessly slow.
func (l *Log) leaveBehind() {
	for s := l.oldest; s != nil && l.cur.number-s.number > l.opts.MaxFile+maxBehind; s = s.next {
		if !s.lost {
			s.lost = true
			s.file.Close()
		}
		l.oldest = s.next
	}
}

// Remove deletes the log at path and all that was rotated. Those who read it
// still see it to its end.
func Remove(path string) error {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return gone(err)
	}
	errs := gone(os.Remove(path))
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), filepath.Base(path)+".") {
			errs = errors.Join(errs, gone(os.Remove(filepath.Join(filepath.Dir(path), e.Name()))))
		}
	}
	return errs
}

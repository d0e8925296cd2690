package event

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"time"
)

// replay reads events that are kept, in the order in which they were published.
// What is published after it was opened is not in it.
type replay struct {
	files []*os.File
	parts []io.Reader
	in    *bufio.Reader
	buf   []byte
}

// add appends the next part, which is read up to what it holds now.
func (r *replay) add(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return err
	}
	r.files = append(r.files, f)
	r.parts = append(r.parts, io.NewSectionReader(f, 0, info.Size()))
	return nil
}

// bounds say which times are wanted, both ends included; zero is no bound.
type bounds struct{ since, until int64 }

func between(since, until time.Time) bounds {
	var b bounds
	if !since.IsZero() {
		b.since = since.UnixNano()
	}
	if !until.IsZero() {
		b.until = until.UnixNano()
	}
	return b
}

func (b bounds) include(t int64) bool { return t >= b.since && (b.until == 0 || t <= b.until) }

// next returns the next event within the bounds whose line holds each of words,
// and io.EOF at the end. Lines that are none are passed over.
func (r *replay) next(within bounds, words ...string) (Message, error) {
	for {
		b, err := r.line()
		if err != nil {
			return Message{}, err
		}
		if t, ok := when(b); !ok || !within.include(t) || !holds(b, words) {
			continue
		}
		if m, ok := decode(b); ok {
			return m, nil
		}
	}
}

func holds(b []byte, words []string) bool {
	for _, w := range words {
		if !bytes.Contains(b, []byte(w)) {
			return false
		}
	}
	return true
}

// line returns the next line, which is valid until the next call. What has no end
// is no line.
func (r *replay) line() ([]byte, error) {
	if r.in == nil {
		r.in = bufio.NewReaderSize(io.MultiReader(r.parts...), 64<<10)
	}
	r.buf = r.buf[:0]
	for {
		part, err := r.in.ReadSlice('\n')
		r.buf = append(r.buf, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return r.buf, err
		}
	}
}

// Close closes the files.
func (r *replay) Close() {
	for _, f := range r.files {
		f.Close()
	}
}

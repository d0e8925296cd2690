//go:build linux

package tree

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// contents reads a file's data, as much as it had when it was looked at.
func (s *scan) contents(n node, e *Entry) error {
	if e.Size == 0 {
		return nil
	}
	fd, err := unix.Open(n.path(), unix.O_RDONLY|unix.O_CLOEXEC, 0) // it is known to be a regular file
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), e.Name)
	defer f.Close()
	if n.st.Blocks*512 >= e.Size {
		return s.run(f, e, 0, e.Size)
	}
	for at := int64(0); at < e.Size; {
		from, to, err := dataAfter(fd, at, e.Size)
		if err != nil || from == to {
			return err
		}
		if err := s.run(f, e, from, to); err != nil {
			return err
		}
		at = to
	}
	return nil
}

// dataAfter is where the next data of a file is; nowhere when only a hole follows.
func dataAfter(fd int, at, size int64) (from, to int64, err error) {
	from, err = unix.Seek(fd, at, unix.SEEK_DATA)
	if errors.Is(err, unix.ENXIO) {
		return size, size, nil
	}
	if err != nil {
		return 0, 0, err
	}
	to, err = unix.Seek(fd, from, unix.SEEK_HOLE)
	return min(from, size), min(to, size), err
}

// shared is how large a run of data may be that shares a piece with others.
const shared = 128 << 10

// run reads a run of data.
func (s *scan) run(f *os.File, e *Entry, from, to int64) error {
	part := io.NewSectionReader(f, from, to-from)
	if to-from <= shared {
		span, err := s.feed.little(part, int(to-from), e.Name)
		if span.Length > 0 {
			span.At = from
			e.Spans = append(e.Spans, span)
		}
		return err
	}
	return s.feed.much(part, func(span Span) {
		span.At = from
		from += int64(span.Length)
		e.Spans = append(e.Spans, span)
	})
}

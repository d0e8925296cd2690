//go:build linux

package tree

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// file adds a file with its data, as much as it has when it is looked at.
func (s *scan) file(n node, name string, depth int) error {
	fd, err := unix.Open(n.path(), unix.O_RDONLY|unix.O_CLOEXEC, 0) // it is known to be a regular file
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	if err := s.settle(fd, &n); err != nil {
		return err
	}
	e, err := n.entry(name, depth)
	if err == nil && e.Size > 0 {
		err = s.contents(n, f, &e)
	}
	if err != nil {
		return err
	}
	s.o.Read(e.Size)
	s.m.Entries = append(s.m.Entries, e)
	return nil
}

// settle has what was written to a file written back, and looks at it anew. A page whose write-back has begun
// is clean to those who map it: nobody waits for the disk but where a page is on its way already, which may have been written to again since, and
// for a large file. Small ones are many, and few are mapped.
func (s *scan) settle(fd int, n *node) error {
	if s.o.Still || n.st.Size == 0 {
		return nil
	}
	how := unix.SYNC_FILE_RANGE_WAIT_BEFORE | unix.SYNC_FILE_RANGE_WRITE
	if n.st.Size > shared {
		how |= unix.SYNC_FILE_RANGE_WAIT_AFTER
	}
	if err := unix.SyncFileRange(fd, 0, 0, how); err != nil {
		return err
	}
	return unix.Fstat(fd, &n.st)
}

func (s *scan) contents(n node, f *os.File, e *Entry) error {
	if n.st.Blocks*512 >= e.Size {
		return s.run(f, e, 0, e.Size)
	}
	for at := int64(0); at < e.Size; {
		from, to, err := dataAfter(int(f.Fd()), at, e.Size)
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

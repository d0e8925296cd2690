package event

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"berth/internal/fault"
)

// The files of a log.
const (
	fileName = "events.jsonl"
	oldName  = "events.1.jsonl"
)

// maxPending is how many bytes of lines wait for a disk that takes none.
const maxPending = 1 << 20

// store is the files of a log. It has one user at a time.
type store struct {
	dir     string
	limit   int64 // bytes of one file
	file    *os.File
	size    int64
	pending []byte // what could not be written yet
	failed  bool   // the last write did
}

// openStore opens the files in dir, or makes them.
func openStore(dir string, limit int64) (*store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "the events cannot be kept")
	}
	s := &store{dir: dir, limit: limit}
	if err := s.open(); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "the events cannot be kept")
	}
	return s, nil
}

func (s *store) open() error {
	f, err := os.OpenFile(filepath.Join(s.dir, fileName), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return err
	}
	s.file, s.size = f, info.Size()
	var last [1]byte
	if s.size > 0 {
		if _, err := f.ReadAt(last[:], s.size-1); err == nil && last[0] != '\n' {
			s.pending = append(s.pending, '\n') // a power failure took the end of the last line
		}
	}
	return nil
}

// last is the time of the last line that is kept, 0 when none can be read.
func (s *store) last() int64 {
	for _, name := range []string{fileName, oldName} {
		if t := lastIn(filepath.Join(s.dir, name)); t != 0 {
			return t
		}
	}
	return 0
}

// lastIn looks at a file's end, which holds many lines.
func lastIn(path string) (t int64) {
	const end = 64 << 10
	f, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0
	}
	b := make([]byte, min(end, info.Size()))
	if _, err := f.ReadAt(b, info.Size()-int64(len(b))); err != nil {
		return 0
	}
	for line := range bytes.Lines(b) {
		if at, ok := when(line); ok {
			t = at
		}
	}
	return t
}

// add appends a line. What the disk does not take waits for the next one; its
// error is returned when it is news.
func (s *store) add(b []byte) error {
	if s.size > 0 && s.size+int64(len(b)) > s.limit {
		s.rotate()
	}
	if len(s.pending) > 0 {
		b = append(s.pending, b...)
		s.pending = nil
	}
	n, err := s.file.Write(b)
	s.size += int64(n)
	if err == nil {
		s.failed = false
		return nil
	}
	if len(b)-n <= maxPending { // else it is lost, and the rest of a torn line with it
		s.pending = append([]byte(nil), b[n:]...)
	} else {
		s.pending = []byte("\n")
	}
	news := !s.failed
	s.failed = true
	if !news {
		return nil
	}
	return err
}

// rotate puts the file aside and begins another. When that cannot be done the file
// grows on: a later event tries again.
func (s *store) rotate() {
	path := filepath.Join(s.dir, fileName)
	next, err := os.OpenFile(path+".new", os.O_RDWR|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o600)
	if err != nil {
		return
	}
	old := filepath.Join(s.dir, oldName)
	if err = os.Rename(path, old); err == nil {
		if err = os.Rename(path+".new", path); err != nil {
			_ = os.Rename(old, path) // as it was; else the events go on into what is the older file now
		}
	}
	if err != nil {
		next.Close()
		os.Remove(path + ".new")
		return
	}
	s.file.Close()
	s.file, s.size = next, 0
}

// kept opens what is kept now, the oldest first. It goes on being readable
// whatever is added or put aside meanwhile.
func (s *store) kept() (*replay, error) {
	r := &replay{}
	for _, name := range []string{oldName, fileName} {
		f, err := os.Open(filepath.Join(s.dir, name))
		if err == nil {
			err = r.add(f)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			r.Close()
			return nil, fault.Wrap(fault.Internal, err, "the kept events cannot be read")
		}
	}
	r.parts = append(r.parts, bytes.NewReader(bytes.Clone(s.pending)))
	return r, nil
}

func (s *store) close() error { return s.file.Close() }

package logfile

import (
	"io"
)

// records splits what is read into entries; the beginning of one stays for later.
type records struct {
	format   Format
	buf      []byte
	from, to int
	skip     int64 // entries to pass over
}

func (s *records) reset() { s.from, s.to, s.skip = 0, 0, 0 }

// fill reads more.
func (s *records) fill(f io.Reader) (int, error) {
	if s.from > 0 {
		s.to = copy(s.buf, s.buf[s.from:s.to])
		s.from = 0
	}
	if s.to == len(s.buf) {
		s.buf = append(s.buf, make([]byte, max(64<<10, len(s.buf)))...)
	}
	n, err := f.Read(s.buf[s.to:])
	s.to += n
	return n, err
}

// next returns the next whole entry.
func (s *records) next() ([]byte, bool) {
	for {
		n := s.format.Next(s.buf[s.from:s.to])
		if n == 0 {
			return nil, false
		}
		record := s.buf[s.from : s.from+n]
		s.from += n
		if s.skip == 0 {
			return record, true
		}
		s.skip--
	}
}

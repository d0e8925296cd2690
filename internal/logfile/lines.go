package logfile

import (
	"bytes"
	"io"
)

// lines splits what is read into lines; the beginning of one stays for later.
type lines struct {
	buf      []byte
	from, to int
	skip     int64 // lines to pass over
}

func (s *lines) reset() { s.from, s.to, s.skip = 0, 0, 0 }

// fill reads more.
func (s *lines) fill(f io.Reader) (int, error) {
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

// next returns the next whole line, without its newline.
func (s *lines) next() ([]byte, bool) {
	for {
		i := bytes.IndexByte(s.buf[s.from:s.to], '\n')
		if i < 0 {
			return nil, false
		}
		line := s.buf[s.from : s.from+i]
		s.from += i + 1
		if s.skip == 0 {
			return line, true
		}
		s.skip--
	}
}

package logfile

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"time"
	"unicode/utf8"
)

// partSize is where Docker splits a long line.
const partSize = 16 << 10

// Splitter makes messages of the chunks that a container writes, as Docker
// does: a message a line, with the time of its end; a line that is longer than
// 16 KiB in parts that have the time of the first. The zero value is ready.
// It is not safe for concurrent use.
type Splitter struct {
	stdout, stderr held
	last           time.Time // of the latest message
	message        Message   // the one that is given out
	emit           func(*Message) error
}

// held is the beginning of a line whose end has not come.
type held struct {
	line    []byte
	id      string // of the line's parts, once there is one
	ordinal int
	began   time.Time // the first part
	seen    time.Time // when the line was added to
}

func (s *Splitter) of(stream string) *held {
	if stream == "stderr" {
		return &s.stderr
	}
	return &s.stdout
}

// Split gives emit the messages that a chunk completes. The end of it that is no whole
// line waits for more. Every message is given, whatever emit says of those before it.
func (s *Splitter) Split(stream string, t time.Time, chunk []byte, emit func(*Message) error) error {
	h := s.of(stream)
	m := &s.message
	m.Stream, s.emit = stream, emit
	var errs error
	for len(chunk) > 0 {
		piece, rest := chunk, []byte(nil)
		i := bytes.IndexByte(chunk, '\n')
		if i >= 0 {
			piece, rest = chunk[:i], chunk[i+1:]
		}
		chunk = rest
		if i < 0 || len(h.line) > 0 || h.id != "" || i >= partSize {
			errs = errors.Join(errs, s.lengthen(h, t, piece, i >= 0))
			continue
		}
		m.Line, m.Time, m.Part = piece, s.now(t, t), Part{}
		if err := emit(m); err != nil {
			errs = err
		}
	}
	return errs
}

// lengthen adds a piece to a line that has begun, or begins one, and gives out
// what is ready of it.
func (s *Splitter) lengthen(h *held, t time.Time, piece []byte, whole bool) error {
	h.line, h.seen = append(h.line, piece...), t
	var errs error
	line := h.line
	for len(line) >= partSize {
		part := cutRune(line[:partSize])
		errs = errors.Join(errs, s.part(h, t, part, false))
		line = line[len(part):]
	}
	if whole {
		errs = errors.Join(errs, s.part(h, t, line, true))
		line = nil
	}
	h.line = append(h.line[:0], line...)
	return errs
}

// part gives out a part of a line; the end of a line that had none before is no part.
func (s *Splitter) part(h *held, t time.Time, line []byte, end bool) error {
	m := &s.message
	if h.id == "" && !end {
		id := make([]byte, 32)
		rand.Read(id)
		h.id, h.ordinal, h.began = hex.EncodeToString(id), 0, t
	}
	m.Line, m.Part = line, Part{}
	if h.id == "" {
		m.Time = s.now(t, t)
	} else {
		h.ordinal++
		m.Time, m.Part = s.now(h.began, t), Part{ID: h.id, Ordinal: h.ordinal, Last: end}
	}
	if end {
		h.id = ""
	}
	return s.emit(m)
}

// slack is how far apart the clock readings of two streams can be that are
// written in the other order; more is a clock that was set.
const slack = time.Second

// now chooses a message's time. Times never go back by less than the clock was
// set, so that a reader can search by them: a part that comes behind other
// messages has their time, not its line's.
func (s *Splitter) now(want, t time.Time) time.Time {
	if want.Before(s.last) && (s.last.Sub(t) < slack) {
		want = s.last
	}
	s.last = want
	return want
}

// Rest gives emit the beginnings of lines that are held, as they are.
func (s *Splitter) Rest(emit func(*Message) error) error {
	var errs error
	for _, stream := range []string{"stdout", "stderr"} {
		if h := s.of(stream); len(h.line) > 0 {
			s.message.Stream, s.emit = stream, emit
			errs = errors.Join(errs, s.part(h, h.seen, h.line, false))
			*h = held{line: h.line[:0]}
		}
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

package logfile

import (
	"bytes"
	"encoding/json"
	"io"
	"time"
)

// jsonFormat is Docker's json-file form: an object a line.
type jsonFormat struct {
	attrs string // the piece of an entry that holds the attributes, or ""
	// The latest entry's part behind the text: those of a chunk have the same.
	suffix []byte
	stream string
	at     time.Time
}

// JSON returns Docker's json-file form. Every entry that is written has the attributes.
func JSON(attrs map[string]string) Format {
	if len(attrs) == 0 {
		return &jsonFormat{}
	}
	text, _ := json.Marshal(attrs) // a map of strings always marshals, with its keys in order
	return &jsonFormat{attrs: `,"attrs":` + string(text)}
}

func (f *jsonFormat) Append(b []byte, m *Message) []byte {
	if m.Stream != f.stream || !m.Time.Equal(f.at) {
		f.stream, f.at = m.Stream, m.Time
		s := append(append(append(f.suffix[:0], `","stream":"`...), m.Stream...), '"')
		s = append(append(s, f.attrs...), `,"time":"`...)
		f.suffix = append(appendTime(s, m.Time), "\"}\n"...)
	}
	b = appendEscaped(append(b, `{"log":"`...), m.Line)
	if m.Ends() {
		b = append(b, `\n`...)
	}
	return append(b, f.suffix...)
}

func (*jsonFormat) Next(b []byte) int { return bytes.IndexByte(b, '\n') + 1 }

func (*jsonFormat) Sync(b []byte) int {
	i := bytes.IndexByte(b, '\n') + 1
	if i == 0 || i == len(b) {
		return -1
	}
	return i
}

// Time looks only at the end of the line, where we and Docker write it.
func (f *jsonFormat) Time(line []byte) (time.Time, bool) {
	const key, longest = `,"time":"`, len(`,"time":"2006-01-02T15:04:05.999999999+00:00"}`) + 1
	if end := line[max(0, len(line)-longest):]; bytes.HasSuffix(end, []byte("\"}\n")) {
		if i := bytes.LastIndex(end, []byte(key)); i >= 0 {
			if t, ok := parseTime(end[i+len(key) : len(end)-3]); ok {
				return t, true
			}
		}
	}
	e, err := f.Parser().Parse(line)
	return e.Time, err == nil
}

// Back reads backwards.
func (*jsonFormat) Back(f io.ReaderAt, end int64, n int) (start, stop int64, found int, err error) {
	b := make([]byte, 64<<10)
	newlines := 0 // the end of the last line is one too
	for end > 0 {
		from := max(0, end-int64(len(b)))
		chunk := b[:end-from]
		if k, err := f.ReadAt(chunk, from); err == io.EOF {
			chunk = chunk[:k] // truncated meanwhile
		} else if err != nil {
			return 0, 0, 0, err
		}
		for {
			i := bytes.LastIndexByte(chunk, '\n')
			if i < 0 {
				break
			}
			at := from + int64(i) + 1
			if newlines == 0 {
				stop = at
			}
			if newlines == n {
				return at, stop, n, nil
			}
			newlines++
			chunk = chunk[:i]
		}
		end = from
	}
	return 0, stop, newlines, nil
}

func (*jsonFormat) Parser() Parser { return &parser{} }

package logfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// Entry is one entry of the log: a line, or a part of a long one.
type Entry struct {
	Stream string // "stdout" or "stderr"
	Time   time.Time
	Line   []byte            // with its newline if it had one; valid during the call only
	Attrs  map[string]string // nil when there are none
}

var errLine = errors.New("logfile: this line is not an entry")

// parser reads entries; it reuses its memory.
type parser struct {
	line []byte
}

// parse reads one line of the file, without its newline. What we or Docker
// write is read directly, any other JSON by the standard library.
func (p *parser) parse(b []byte) (Entry, error) {
	if e, ok := p.fast(b); ok {
		return e, nil
	}
	var slow struct {
		Log    string            `json:"log"`
		Stream string            `json:"stream"`
		Attrs  map[string]string `json:"attrs"`
		Time   time.Time         `json:"time"`
	}
	if err := json.Unmarshal(b, &slow); err != nil {
		return Entry{}, errLine
	}
	p.line = append(p.line[:0], slow.Log...)
	return Entry{Stream: slow.Stream, Time: slow.Time, Line: p.line, Attrs: slow.Attrs}, nil
}

// fast reads {"log":"…","stream":"…","time":"…"}.
func (p *parser) fast(b []byte) (e Entry, ok bool) {
	b, ok = bytes.CutPrefix(b, []byte(`{"log":"`))
	if !ok {
		return e, false
	}
	if b, ok = p.unescape(b); !ok {
		return e, false
	}
	e.Line = p.line
	if rest, is := bytes.CutPrefix(b, []byte(`,"stream":"stdout"`)); is {
		b, e.Stream = rest, "stdout"
	} else if rest, is := bytes.CutPrefix(b, []byte(`,"stream":"stderr"`)); is {
		b, e.Stream = rest, "stderr"
	} else {
		return e, false
	}
	b, ok = bytes.CutPrefix(b, []byte(`,"time":"`))
	if !ok || !bytes.HasSuffix(b, []byte(`"}`)) {
		return e, false
	}
	e.Time, ok = parseTime(b[:len(b)-2])
	return e, ok
}

// unescape reads a JSON string up to its closing quote into p.line and
// returns what follows.
func (p *parser) unescape(b []byte) (rest []byte, ok bool) {
	line := p.line[:0]
	defer func() { p.line = line }()
	for {
		i := 0
		for i < len(b) && b[i] != '"' && b[i] != '\\' {
			if b[i] < ' ' {
				return nil, false // not JSON
			}
			i++
		}
		if i == len(b) || !utf8.Valid(b[:i]) {
			return nil, false
		}
		line = append(line, b[:i]...)
		if b[i] == '"' {
			return b[i+1:], true
		}
		if line, b, ok = unescapeOne(line, b[i+1:]); !ok {
			return nil, false
		}
	}
}

// unescapeOne reads what follows a backslash.
func unescapeOne(line, b []byte) ([]byte, []byte, bool) {
	if len(b) == 0 {
		return line, b, false
	}
	switch c := b[0]; c {
	case 'n':
		return append(line, '\n'), b[1:], true
	case 'r':
		return append(line, '\r'), b[1:], true
	case 't':
		return append(line, '\t'), b[1:], true
	case 'b':
		return append(line, '\b'), b[1:], true
	case 'f':
		return append(line, '\f'), b[1:], true
	case '"', '\\', '/':
		return append(line, c), b[1:], true
	case 'u':
		r, ok := hex4(b[1:])
		if !ok {
			return line, b, false
		}
		b = b[5:]
		if utf16.IsSurrogate(r) {
			if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
				return utf8.AppendRune(line, utf8.RuneError), b, true
			}
			low, ok := hex4(b[2:])
			if both := utf16.DecodeRune(r, low); ok && both != utf8.RuneError {
				return utf8.AppendRune(line, both), b[6:], true
			}
			r = utf8.RuneError
		}
		return utf8.AppendRune(line, r), b, true
	}
	return line, b, false
}

func hex4(b []byte) (r rune, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// parseTime reads RFC 3339, UTC without a detour.
func parseTime(b []byte) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339Nano, string(b))
	return t, err == nil
}

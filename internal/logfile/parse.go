package logfile

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

var errLine = errors.New("logfile: this line is not an entry")

// parser reads lines; it reuses its memory.
type parser struct {
	line  []byte
	raw   []byte            // the attributes of the latest entry that had some, as they lie in the file
	attrs map[string]string // the same
	clock clock
}

// Parse reads one line of the file. What we or Docker write is read directly,
// any other JSON by the standard library.
func (p *parser) Parse(b []byte) (Entry, error) {
	b = bytes.TrimSuffix(b, []byte("\n"))
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

// fast reads {"log":"…","stream":"…","attrs":{…},"time":"…"}.
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
	if rest, is := bytes.CutPrefix(b, []byte(`,"attrs":`)); is {
		if e.Attrs, b, ok = p.attributes(rest); !ok {
			return e, false
		}
	}
	b, ok = bytes.CutPrefix(b, []byte(`,"time":"`))
	if !ok || !bytes.HasSuffix(b, []byte(`"}`)) {
		return e, false
	}
	e.Time, ok = p.clock.read(b[:len(b)-2])
	return e, ok
}

// attributes reads what every entry of a log repeats.
func (p *parser) attributes(b []byte) (attrs map[string]string, rest []byte, ok bool) {
	if len(p.raw) > 0 && bytes.HasPrefix(b, p.raw) {
		return p.attrs, b[len(p.raw):], true
	}
	end := bytes.LastIndex(b, []byte(`},"time":"`)) + 1
	if end == 0 || json.Unmarshal(b[:end], &attrs) != nil {
		return nil, nil, false
	}
	p.raw, p.attrs = append(p.raw[:0], b[:end]...), attrs
	return attrs, b[end:], true
}

// unescape reads a JSON string up to its closing quote into p.line and
// returns what follows.
func (p *parser) unescape(b []byte) (rest []byte, ok bool) {
	line := p.line[:0]
	defer func() { p.line = line }()
	for {
		i := plainText(b)
		if i == len(b) || b[i] < ' ' || !utf8.Valid(b[:i]) {
			return nil, false // not JSON
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

// plainText returns where in b the first quote, backslash or control character is.
func plainText(b []byte) int {
	i := 0
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		// The subtraction also marks bytes from 0xa0 on, which are looked at again.
		if ((w-' '*ones)|zeros(w^'"'*ones)|zeros(w^'\\'*ones))&tops != 0 {
			break
		}
	}
	for i < len(b) && b[i] != '"' && b[i] != '\\' && b[i] >= ' ' {
		i++
	}
	return i
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

package stream

import (
	"bytes"
	"io"
	"strings"

	"berth/internal/fault"
)

// DetachKeys reads a --detach-keys word: comma-separated characters and
// ctrl-<letter> (also ctrl-@ [ \ ] ^ _). Empty means the default ctrl-p,ctrl-q.
func DetachKeys(word string) ([]byte, error) {
	if word == "" {
		return []byte{0x10, 0x11}, nil
	}
	var keys []byte
	for _, key := range strings.Split(word, ",") {
		b, ok := keyByte(key)
		if !ok {
			return nil, fault.New(fault.Invalid, "Unknown character: '%s'", key)
		}
		keys = append(keys, b)
	}
	return keys, nil
}

func keyByte(key string) (byte, bool) {
	if len(key) == 1 {
		return key[0], true
	}
	letter, ok := strings.CutPrefix(key, "ctrl-")
	if !ok || len(letter) != 1 {
		return 0, false
	}
	switch c := letter[0]; {
	case c >= 'a' && c <= 'z':
		return c - 'a' + 1, true
	case c == '@':
		return 0, true
	case strings.IndexByte("[\\]^_", c) >= 0:
		return c - '[' + 27, true
	}
	return 0, false
}

// escape passes a terminal's input through and ends with ErrDetached when the
// key sequence comes. A sequence that breaks off is passed on as typed.
type escape struct {
	r       io.Reader
	keys    []byte
	matched int
	pending []byte
	err     error
}

func newEscape(r io.Reader, keys []byte) io.Reader { return &escape{r: r, keys: keys} }

func (e *escape) Read(p []byte) (int, error) {
	for len(e.pending) == 0 {
		if e.err != nil {
			return 0, e.err
		}
		var n int
		n, e.err = e.r.Read(p)
		e.scan(p[:n])
	}
	n := copy(p, e.pending)
	e.pending = e.pending[n:]
	return n, nil
}

// scan moves typed bytes to pending, holding back what may be a sequence.
func (e *escape) scan(typed []byte) {
	var out bytes.Buffer
	for _, b := range typed {
		if b != e.keys[e.matched] && e.matched > 0 {
			out.Write(e.keys[:e.matched])
			e.matched = 0
		}
		if b != e.keys[e.matched] {
			out.WriteByte(b)
			continue
		}
		if e.matched++; e.matched == len(e.keys) {
			e.err = ErrDetached
			break
		}
	}
	e.pending = out.Bytes()
}

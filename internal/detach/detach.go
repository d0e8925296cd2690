// Package detach knows the keys by which a user leaves a terminal without ending the
// program in it. Client and daemon both look for them: the client so that they need
// not travel, the daemon for clients that do not.
package detach

import (
	"io"
	"strings"

	"berth/internal/fault"
)

// DefaultKeys are ctrl-p, ctrl-q.
func DefaultKeys() []byte { return []byte{16, 17} }

// ParseKeys reads a detach sequence: comma-separated single characters or
// ctrl-X, where X is a-z or one of @[\]^_. Errors are fault.Invalid, in Docker's words.
func ParseKeys(s string) ([]byte, error) {
	var keys []byte
	for key := range strings.SplitSeq(s, ",") {
		switch {
		case len(key) == 1:
			keys = append(keys, key[0])
		case len(key) == 6 && strings.HasPrefix(strings.ToLower(key), "ctrl-"):
			c := key[5]
			switch {
			case c >= 'a' && c <= 'z':
				keys = append(keys, c-'a'+1)
			case c == '@':
				keys = append(keys, 0)
			case c >= '[' && c <= '_':
				keys = append(keys, c-'['+27)
			default:
				return nil, fault.New(fault.Invalid, "Unknown character: '%s'", key)
			}
		default:
			return nil, fault.New(fault.Invalid, "Unknown character: '%s'", key)
		}
	}
	return keys, nil
}

// Detached is what a Reader answers once the sequence was typed.
type Detached struct{}

// Error returns the text that docker has for it.
func (Detached) Error() string { return "read escape sequence" }

// Reader passes input on until the detach keys come, one after the
// other. Keys of a sequence that does not complete are passed on late, but
// none is lost.
type Reader struct {
	in      io.Reader
	keys    []byte
	matched int    // how many keys of the sequence have been held back
	pending []byte // read and decided, not yet handed out
	err     error  // what comes after pending
}

// NewReader watches in for keys.
func NewReader(in io.Reader, keys []byte) *Reader {
	return &Reader{in: in, keys: keys}
}

// Read hands out input. It returns Detached when the sequence is complete.
func (d *Reader) Read(p []byte) (int, error) {
	for len(d.pending) == 0 {
		if d.err != nil {
			return 0, d.err
		}
		buf := make([]byte, max(len(p), 1))
		n, err := d.in.Read(buf)
		d.scan(buf[:n])
		if err != nil && d.err == nil {
			d.pending = append(d.pending, d.keys[:d.matched]...)
			d.matched, d.err = 0, err
		}
	}
	n := copy(p, d.pending)
	d.pending = d.pending[n:]
	return n, nil
}

func (d *Reader) scan(in []byte) {
	for _, b := range in {
		if len(d.keys) > 0 && b == d.keys[d.matched] {
			if d.matched++; d.matched == len(d.keys) {
				d.matched, d.err = 0, Detached{}
				return
			}
			continue
		}
		d.pending = append(d.pending, d.keys[:d.matched]...)
		d.matched = 0
		if len(d.keys) > 0 && b == d.keys[0] {
			d.matched = 1
			continue
		}
		d.pending = append(d.pending, b)
	}
}

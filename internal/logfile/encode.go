package logfile

import (
	"encoding/binary"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// isPlain reports whether a JSON string holds c as it is. Docker escapes what
// HTML minds, as encoding/json does.
func isPlain(c byte) bool {
	return c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&'
}

// Eight bytes at once: a one, and the highest bit, in each.
const (
	ones = 0x0101010101010101
	tops = 0x8080808080808080
)

// zeros has the top bit set in bytes of w that are zero; above the first of
// them it may err, and none means none.
func zeros(w uint64) uint64 { return (w - ones) &^ w & tops }

// allPlain reports whether eight bytes are plain.
func allPlain(w uint64) bool {
	// Below a space the subtraction borrows; 0x3c and 0x3e differ in one bit.
	special := w | (w - ' '*ones) | zeros(w^'"'*ones) | zeros(w^'\\'*ones) | zeros((w|0x02*ones)^'>'*ones) | zeros(w^'&'*ones)
	return special&tops == 0
}

// plainPrefix returns how many bytes at the beginning of s are plain.
func plainPrefix(s []byte) int {
	i := 0
	for ; i+8 <= len(s); i += 8 {
		if !allPlain(binary.LittleEndian.Uint64(s[i:])) {
			break
		}
	}
	for i < len(s) && isPlain(s[i]) {
		i++
	}
	return i
}

// appendEscaped appends s as the inside of a JSON string, exactly as Docker
// writes it: bytes that are not UTF-8 become \ufffd.
func appendEscaped(b, s []byte) []byte {
	for {
		n := plainPrefix(s)
		b, s = append(b, s[:n]...), s[n:]
		if len(s) == 0 {
			return b
		}
		if s[0] < utf8.RuneSelf {
			b, s = appendByte(b, s[0]), s[1:]
			continue
		}
		r, size := utf8.DecodeRune(s)
		switch {
		case r == utf8.RuneError && size == 1:
			b = append(b, `\ufffd`...)
		case r == '\u2028' || r == '\u2029': // JavaScript minds them
			b = append(append(b, `\u202`...), hexDigits[r&0xf])
		default:
			b = append(b, s[:size]...)
		}
		s = s[size:]
	}
}

func appendByte(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	}
	return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
}

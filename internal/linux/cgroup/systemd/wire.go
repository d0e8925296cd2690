//go:build linux

package systemd

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"
)

// The few types of the D-Bus wire format that the manager speaks
// (dbus.freedesktop.org/doc/dbus-specification.html, "Type system"), little endian.

// Path is an object path, type "o".
type Path string

// Signature is type "g".
type Signature string

// Pair is a struct of two strings, type "(ss)".
type Pair [2]string

// Property is a unit's property: a name and a variant, type "(sv)". Value is a
// string, bool, uint32, uint64, []byte, []string, []uint32 or []Pair.
type Property struct {
	Name  string
	Value any
}

// signature of a value that can be in a variant.
func signature(v any) Signature {
	switch v.(type) {
	case string:
		return "s"
	case Path:
		return "o"
	case Signature:
		return "g"
	case bool:
		return "b"
	case uint32:
		return "u"
	case uint64:
		return "t"
	case []byte:
		return "ay"
	case []string:
		return "as"
	case []uint32:
		return "au"
	case []Pair:
		return "a(ss)"
	case []Property:
		return "a(sv)"
	}
	return ""
}

type encoder struct{ b []byte }

func (e *encoder) align(n int) {
	for len(e.b)%n != 0 {
		e.b = append(e.b, 0)
	}
}

func (e *encoder) u32(v uint32) {
	e.align(4)
	e.b = binary.LittleEndian.AppendUint32(e.b, v)
}

func (e *encoder) str(s string) {
	e.u32(uint32(len(s)))
	e.b = append(append(e.b, s...), 0)
}

func (e *encoder) sig(s Signature) {
	e.b = append(append(append(e.b, byte(len(s))), s...), 0)
}

// array writes an array whose elements are aligned to align.
func (e *encoder) array(align, n int, element func(i int)) {
	e.u32(0)
	at := len(e.b)
	e.align(align) // which the length does not count
	begin := len(e.b)
	for i := range n {
		element(i)
	}
	binary.LittleEndian.PutUint32(e.b[at-4:], uint32(len(e.b)-begin))
}

func (e *encoder) variant(v any) {
	e.sig(signature(v))
	e.value(v)
}

func (e *encoder) value(v any) {
	switch v := v.(type) {
	case string:
		e.str(v)
	case Path:
		e.str(string(v))
	case Signature:
		e.sig(v)
	case bool:
		n := uint32(0)
		if v {
			n = 1
		}
		e.u32(n)
	case uint32:
		e.u32(v)
	case uint64:
		e.align(8)
		e.b = binary.LittleEndian.AppendUint64(e.b, v)
	case []byte:
		e.array(1, len(v), func(i int) { e.b = append(e.b, v[i]) })
	case []string:
		e.array(4, len(v), func(i int) { e.str(v[i]) })
	case []uint32:
		e.array(4, len(v), func(i int) { e.u32(v[i]) })
	case []Pair:
		e.array(8, len(v), func(i int) {
			e.align(8)
			e.str(v[i][0])
			e.str(v[i][1])
		})
	case []Property:
		e.array(8, len(v), func(i int) {
			e.align(8)
			e.str(v[i].Name)
			e.variant(v[i].Value)
		})
	}
}

var errWire = errors.New("the message is malformed")

// decoder reads what a message begins with; what comes after is not looked at.
type decoder struct {
	b   []byte
	at  int
	err error
}

func (d *decoder) align(n int) {
	if d.at = (d.at + n - 1) / n * n; d.at > len(d.b) {
		d.err = errWire
	}
}

func (d *decoder) take(n int) []byte {
	if d.err != nil || n < 0 || n > len(d.b)-d.at {
		d.err = errWire
		return nil
	}
	d.at += n
	return d.b[d.at-n : d.at]
}

func (d *decoder) u8() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) u32() uint32 {
	d.align(4)
	if b := d.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (d *decoder) text(n uint32) string {
	if n >= math.MaxInt32 {
		d.err = errWire
		return ""
	}
	b := d.take(int(n) + 1)
	if b == nil || b[n] != 0 || strings.IndexByte(string(b[:n]), 0) >= 0 {
		d.err = errWire
		return ""
	}
	return string(b[:n])
}

func (d *decoder) str() string { return d.text(d.u32()) }

func (d *decoder) sig() string { return d.text(uint32(d.u8())) }

// simple reads a value of a basic type into the text that it is; other types
// are not what a header or an answer of ours has.
func (d *decoder) simple(sig string) any {
	switch sig {
	case "s", "o":
		return d.str()
	case "g":
		return d.sig()
	case "u":
		return d.u32()
	}
	d.err = errWire
	return nil
}

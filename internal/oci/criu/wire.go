//go:build linux

package criu

import "encoding/binary"

// message is a protocol buffer that is being written. Only what is not zero is
// put in it: criu's own values are those of an absent field.
type message struct{ data []byte }

const (
	varint = 0
	bytes  = 2
)

func (m *message) key(field, kind uint64) { m.data = binary.AppendUvarint(m.data, field<<3|kind) }

// number writes a number; negative ones do not occur.
func (m *message) number(field uint64, v uint64) {
	if v != 0 {
		m.always(field, v)
	}
}

// always writes a number that has to be there.
func (m *message) always(field uint64, v uint64) {
	m.key(field, varint)
	m.data = binary.AppendUvarint(m.data, v)
}

func (m *message) flag(field uint64, on bool) {
	if on {
		m.always(field, 1)
	}
}

func (m *message) text(field uint64, v string) {
	if v != "" {
		m.key(field, bytes)
		m.data = binary.AppendUvarint(m.data, uint64(len(v)))
		m.data = append(m.data, v...)
	}
}

func (m *message) inner(field uint64, in message) {
	m.key(field, bytes)
	m.data = binary.AppendUvarint(m.data, uint64(len(in.data)))
	m.data = append(m.data, in.data...)
}

// field is one field of a message that was read.
type field struct {
	number uint64
	value  uint64 // of a number
	data   []byte // of all else
}

// fields takes a message apart. ok is false when it is none.
func fields(data []byte) (list []field, ok bool) {
	for len(data) > 0 {
		key, n := binary.Uvarint(data)
		if n <= 0 {
			return nil, false
		}
		data = data[n:]
		f := field{number: key >> 3}
		switch key & 7 {
		case varint:
			if f.value, n = binary.Uvarint(data); n <= 0 {
				return nil, false
			}
		case bytes:
			size, head := binary.Uvarint(data)
			if head <= 0 || size > uint64(len(data)-head) {
				return nil, false
			}
			n = head + int(size)
			f.data = data[head:n]
		case 1, 5: // fixed numbers, of which criu has none that matter here
			if n = 8; key&7 == 5 {
				n = 4
			}
			if n > len(data) {
				return nil, false
			}
		default:
			return nil, false
		}
		data = data[n:]
		list = append(list, f)
	}
	return list, true
}

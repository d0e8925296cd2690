package fluentd

import (
	"bufio"
	"encoding/binary"
	"io"
	"math"
	"time"

	"berth/internal/fault"
)

// What the forward protocol needs of msgpack.

func appendString(b []byte, s string) []byte {
	switch n := len(s); {
	case n < 32:
		b = append(b, 0xa0|byte(n))
	case n <= math.MaxUint8:
		b = append(b, 0xd9, byte(n))
	case n <= math.MaxUint16:
		b = binary.BigEndian.AppendUint16(append(b, 0xda), uint16(n))
	default:
		b = binary.BigEndian.AppendUint32(append(b, 0xdb), uint32(n))
	}
	return append(b, s...)
}

func appendMapHead(b []byte, n int) []byte {
	if n < 16 {
		return append(b, 0x80|byte(n))
	}
	return binary.BigEndian.AppendUint16(append(b, 0xde), uint16(n))
}

// appendTime appends seconds, or the protocol's event time with nanoseconds.
func appendTime(b []byte, t time.Time, nano bool) []byte {
	if !nano {
		return binary.BigEndian.AppendUint64(append(b, 0xd3), uint64(t.Unix()))
	}
	b = binary.BigEndian.AppendUint32(append(b, 0xd7, 0), uint32(t.Unix()))
	return binary.BigEndian.AppendUint32(b, uint32(t.Nanosecond()))
}

// longestAck bounds what the other side may say.
const longestAck = 64 << 10

// readAck reads {"ack": id}, whatever else the map holds as text.
func readAck(r *bufio.Reader) (id string, err error) {
	head, err := r.ReadByte()
	if err != nil {
		return "", err
	}
	n := int(head & 0x0f)
	switch {
	case head&0xf0 == 0x80:
	case head == 0xde:
		var b [2]byte
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return "", err
		}
		n = int(binary.BigEndian.Uint16(b[:]))
	default:
		return "", fault.New(fault.Internal, "the answer is no map: it begins with %#x", head)
	}
	for range n {
		key, err := readString(r)
		if err != nil {
			return "", err
		}
		value, err := readString(r)
		if err != nil {
			return "", err
		}
		if key == "ack" {
			id = value
		}
	}
	return id, nil
}

// readString reads text or bytes.
func readString(r *bufio.Reader) (string, error) {
	head, err := r.ReadByte()
	if err != nil {
		return "", err
	}
	length := 0
	switch {
	case head&0xe0 == 0xa0:
		length = int(head & 0x1f)
	case head >= 0xd9 && head <= 0xdb || head >= 0xc4 && head <= 0xc6:
		first := byte(0xd9)
		if head < first {
			first = 0xc4
		}
		var b [4]byte
		size := 1 << (head - first)
		if _, err := io.ReadFull(r, b[4-size:]); err != nil {
			return "", err
		}
		length = int(binary.BigEndian.Uint32(b[:]))
	default:
		return "", fault.New(fault.Internal, "the answer has something that is no text: %#x", head)
	}
	if length > longestAck {
		return "", fault.New(fault.Internal, "the answer has a text of %d bytes", length)
	}
	text := make([]byte, length)
	_, err = io.ReadFull(r, text)
	return string(text), err
}

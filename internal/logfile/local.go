package logfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// localFormat is the form of Docker's local driver: a protobuf message a
// record, between two copies of its length.
//
//	entry { source = 1; time_nano = 2; line = 3; partial = 4; partial_log_metadata = 5; repeated attrs = 6 }
//	partial_log_metadata { last = 1; id = 2; ordinal = 3 }
//	attrs { key = 1; value = 2 }
type localFormat struct {
	attrs []byte // as they end every entry
}

const (
	sizeLen = 4
	// maxRecord is more than any entry of ours: what says that it is longer is none.
	maxRecord = 1_000_000
)

// Local returns the form of Docker's local driver. Every entry that is written has the attributes.
func Local(attrs map[string]string) Format {
	var f localFormat
	for _, key := range slices.Sorted(maps.Keys(attrs)) {
		attr := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), key)
		attr = protowire.AppendString(protowire.AppendTag(attr, 2, protowire.BytesType), attrs[key])
		f.attrs = protowire.AppendBytes(protowire.AppendTag(f.attrs, 6, protowire.BytesType), attr)
	}
	return f
}

func (f localFormat) Append(b []byte, m *Message) []byte {
	at := len(b)
	b = append(b, 0, 0, 0, 0)
	b = protowire.AppendString(append(b, 1<<3|byte(protowire.BytesType)), m.Stream)
	b = protowire.AppendVarint(append(b, 2<<3), uint64(m.Time.UnixNano()))
	if len(m.Line) > 0 {
		b = protowire.AppendBytes(append(b, 3<<3|byte(protowire.BytesType)), m.Line)
	}
	if p := m.Part; p.ID != "" {
		var meta []byte
		if p.Last {
			meta = append(meta, 1<<3, 1)
		}
		meta = protowire.AppendString(append(meta, 2<<3|byte(protowire.BytesType)), p.ID)
		meta = protowire.AppendVarint(append(meta, 3<<3), uint64(p.Ordinal))
		b = protowire.AppendBytes(append(b, 4<<3, 1, 5<<3|byte(protowire.BytesType)), meta)
	}
	b = append(b, f.attrs...)
	size := uint32(len(b) - at - sizeLen)
	binary.BigEndian.PutUint32(b[at:], size)
	return binary.BigEndian.AppendUint32(b, size)
}

// opening is how every entry begins: with the name of its stream.
const opening = "\x0a\x06std"

// Next passes over what is broken to where the next entry begins.
func (f localFormat) Next(b []byte) int {
	if len(b) < sizeLen+len(opening) {
		return 0
	}
	size := int(binary.BigEndian.Uint32(b))
	whole := size + 2*sizeLen
	if size <= maxRecord && string(b[sizeLen:sizeLen+len(opening)]) == opening {
		if whole > len(b) {
			return 0
		}
		if int(binary.BigEndian.Uint32(b[whole-sizeLen:])) == size {
			return whole
		}
	}
	if i := f.Sync(b[1:]); i >= 0 {
		return i + 1
	}
	if len(b) > maxRecord+2*sizeLen {
		return len(b) - maxRecord
	}
	return 0
}

// Sync knows an entry by the name of its stream and its two lengths.
func (localFormat) Sync(b []byte) int {
	for from := 0; ; {
		i := bytes.Index(b[from:], []byte(opening))
		if i < 0 {
			return -1
		}
		at := from + i - sizeLen
		from += i + 1
		if at < 0 {
			continue
		}
		size := int(binary.BigEndian.Uint32(b[at:]))
		whole := size + 2*sizeLen
		if size <= maxRecord && at+whole <= len(b) && int(binary.BigEndian.Uint32(b[at+whole-sizeLen:])) == size {
			return at
		}
	}
}

func (f localFormat) Time(record []byte) (time.Time, bool) {
	e, err := f.Parser().Parse(record)
	return e.Time, err == nil
}

// Back goes from length to length. At an end that is torn it first looks for
// the last entry that is whole.
func (f localFormat) Back(file io.ReaderAt, end int64, n int) (start, stop int64, found int, err error) {
	var size [sizeLen]byte
	at := func(offset int64) (int64, bool) {
		if offset < 0 || offset+sizeLen > end {
			return 0, false
		}
		if _, e := file.ReadAt(size[:], offset); e != nil {
			err = e
			return 0, false
		}
		return int64(binary.BigEndian.Uint32(size[:])), true
	}
	before := func(pos int64) (int64, bool) {
		n, ok := at(pos - sizeLen)
		if !ok || n > maxRecord {
			return 0, false
		}
		first, ok := at(pos - n - 2*sizeLen)
		return pos - n - 2*sizeLen, ok && first == n
	}
	if end == 0 {
		return 0, 0, 0, nil
	}
	stop = end
	if _, ok := before(stop); !ok && err == nil {
		stop, err = f.lastWhole(file, end)
	}
	for start = stop; err == nil && start > 0 && found < n; found++ {
		prior, ok := before(start)
		if !ok {
			break
		}
		start = prior
	}
	if errors.Is(err, io.EOF) { // truncated meanwhile
		err = nil
	}
	return start, stop, found, err
}

// lastWhole returns where the last whole entry ends, whatever follows it.
func (f localFormat) lastWhole(file io.ReaderAt, end int64) (int64, error) {
	b := make([]byte, min(end, 2*maxRecord))
	from := end - int64(len(b))
	if _, err := file.ReadAt(b, from); err != nil && err != io.EOF {
		return 0, err
	}
	stop, at := 0, 0
	if from > 0 {
		at = max(0, f.Sync(b))
	}
	for at < len(b) {
		n := f.Next(b[at:])
		if n == 0 {
			break
		}
		if binary.BigEndian.Uint32(b[at:]) == uint32(n-2*sizeLen) {
			stop = at + n
		}
		at += n
	}
	return from + int64(stop), nil
}

func (localFormat) Parser() Parser { return &localParser{} }

var errRecord = errors.New("logfile: this record is not an entry")

// localParser reads records; it reuses its memory.
type localParser struct {
	line  []byte
	raw   []byte // the attributes of the latest entry that had some
	attrs map[string]string
}

// fields calls f for every field of a message.
func fields(b []byte, f func(n protowire.Number, bytes []byte, v uint64)) error {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return errRecord
		}
		b = b[n:]
		var text []byte
		var v uint64
		switch typ {
		case protowire.BytesType:
			text, n = protowire.ConsumeBytes(b)
		case protowire.VarintType:
			v, n = protowire.ConsumeVarint(b)
		default:
			n = protowire.ConsumeFieldValue(num, typ, b)
		}
		if n < 0 {
			return errRecord
		}
		b = b[n:]
		f(num, text, v)
	}
	return nil
}

// Parse reads a record.
func (p *localParser) Parse(b []byte) (e Entry, err error) {
	if len(b) < 2*sizeLen || int(binary.BigEndian.Uint32(b)) != len(b)-2*sizeLen {
		return e, errRecord
	}
	body := b[sizeLen : len(b)-sizeLen]
	partial, last := false, false
	var attrs [][]byte
	p.line = p.line[:0]
	err = fields(body, func(n protowire.Number, text []byte, v uint64) {
		switch n {
		case 1:
			e.Stream = streamName(text)
		case 2:
			e.Time = time.Unix(0, int64(v)).UTC()
		case 3:
			p.line = append(p.line, text...)
		case 4:
			partial = v != 0
		case 5:
			_ = fields(text, func(n protowire.Number, _ []byte, v uint64) { last = last || n == 1 && v != 0 })
		case 6:
			attrs = append(attrs, text)
		}
	})
	if err != nil || e.Stream == "" {
		return Entry{}, errRecord
	}
	if !partial || last {
		p.line = append(p.line, '\n')
	}
	e.Line = p.line
	if len(attrs) > 0 {
		e.Attrs = p.attributes(attrs)
	}
	return e, nil
}

func streamName(b []byte) string {
	switch string(b) {
	case "stdout":
		return "stdout"
	case "stderr":
		return "stderr"
	}
	return ""
}

// attributes reads what every entry of a log repeats.
func (p *localParser) attributes(list [][]byte) map[string]string {
	raw := bytes.Join(list, nil)
	if p.attrs != nil && bytes.Equal(raw, p.raw) {
		return p.attrs
	}
	p.raw, p.attrs = raw, map[string]string{}
	for _, attr := range list {
		var key, value string
		_ = fields(attr, func(n protowire.Number, text []byte, _ uint64) {
			switch n {
			case 1:
				key = string(text)
			case 2:
				value = string(text)
			}
		})
		p.attrs[key] = value
	}
	return p.attrs
}

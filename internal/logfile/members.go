package logfile

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"time"

	"github.com/klauspost/compress/gzip"
)

// A compressed file is a row of gzip members, as gzip allows: whatever reads
// .gz reads it. Each of ours says in its header's extra field (RFC 1952, 2.3.1.1)
// how long it is, how many entries it has and how late the latest is, so that a
// reader steps over those that it does not want without decompressing them.
//
//	"BL" | 20 | length uint32 | entries uint32 | latest int64, ns since the epoch | 0 uint32
const (
	memberSize  = 1 << 20 // bytes of entries in a member
	extraID     = "BL"
	extraLen    = 20
	extraStart  = 12 // of a member: behind the ten bytes of the header and the field's length
	memberStart = extraStart + 4 + extraLen
)

// member is one of them.
type member struct {
	offset  int64
	entries int
	latest  time.Time // zero when it is not known
}

// members finds the members of a compressed part. One that says nothing of itself is the
// last: it and all that follows is decompressed to count it.
func (p *part) members(format Format) ([]member, error) {
	if p.index != nil {
		return p.index, nil
	}
	var list []member
	var head [memberStart]byte
	for at := int64(0); at < p.end; {
		n, err := p.file.ReadAt(head[:], at)
		if err != nil && err != io.EOF {
			return nil, err
		}
		length, m, ok := parseExtra(head[:n])
		if ok && at+length <= p.end {
			m.offset = at
			list = append(list, m)
			at += length
			continue
		}
		count, err := countEntries(io.NewSectionReader(p.file, at, p.end-at), format)
		if err != nil {
			return nil, err
		}
		list = append(list, member{offset: at, entries: count})
		break
	}
	p.index = list
	return list, nil
}

// parseExtra reads a member's header.
func parseExtra(b []byte) (length int64, m member, ok bool) {
	if len(b) < memberStart || b[0] != 0x1f || b[1] != 0x8b || b[3]&4 == 0 ||
		binary.LittleEndian.Uint16(b[10:]) != 4+extraLen || string(b[extraStart:extraStart+2]) != extraID ||
		binary.LittleEndian.Uint16(b[extraStart+2:]) != extraLen {
		return 0, m, false
	}
	b = b[extraStart+4:]
	length = int64(binary.LittleEndian.Uint32(b))
	m.entries = int(binary.LittleEndian.Uint32(b[4:]))
	if ns := int64(binary.LittleEndian.Uint64(b[8:])); ns != 0 {
		m.latest = time.Unix(0, ns)
	}
	return length, m, length > memberStart
}

func countEntries(r io.Reader, format Format) (int, error) {
	z, err := gzip.NewReader(bufio.NewReader(r))
	if err != nil {
		return 0, err
	}
	defer z.Close()
	n := 0
	for records := (records{format: format}); ; {
		_, err := records.fill(z)
		for _, ok := records.next(); ok; _, ok = records.next() {
			n++
		}
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// compressor writes members.
type compressor struct {
	format Format
	out    io.Writer
	zip    *gzip.Writer
	packed bytes.Buffer
}

// compress copies entries in members; the end of in that is no whole entry goes along.
func (c *compressor) compress(in io.Reader) error {
	buf, n := make([]byte, memberSize), 0
	for {
		k, err := io.ReadFull(in, buf[n:])
		n += k
		atEnd := err == io.EOF || err == io.ErrUnexpectedEOF
		if err != nil && !atEnd {
			return err
		}
		m, whole := describe(c.format, buf[:n])
		switch {
		case atEnd:
			whole = n
		case whole == 0: // an entry that is longer than a member
			buf = append(buf, make([]byte, len(buf))...)
			continue
		}
		if whole > 0 {
			if err := c.member(m, buf[:whole]); err != nil {
				return err
			}
		}
		n = copy(buf, buf[whole:n])
		if atEnd {
			return nil
		}
	}
}

// describe counts the whole entries of b.
func describe(format Format, b []byte) (m member, length int) {
	for {
		n := format.Next(b[length:])
		if n == 0 {
			return m, length
		}
		if at, ok := format.Time(b[length : length+n]); ok && at.After(m.latest) {
			m.latest = at
		}
		m.entries++
		length += n
	}
}

// member writes one: the length is only known when it is packed.
func (c *compressor) member(m member, entries []byte) error {
	c.packed.Reset()
	c.zip.Reset(&c.packed)
	extra := make([]byte, 4+extraLen)
	copy(extra, extraID)
	binary.LittleEndian.PutUint16(extra[2:], extraLen)
	binary.LittleEndian.PutUint32(extra[8:], uint32(m.entries))
	if !m.latest.IsZero() {
		binary.LittleEndian.PutUint64(extra[12:], uint64(m.latest.UnixNano()))
	}
	c.zip.Extra = extra
	_, err := c.zip.Write(entries)
	if err = errors.Join(err, c.zip.Close()); err != nil {
		return err
	}
	binary.LittleEndian.PutUint32(c.packed.Bytes()[extraStart+4:], uint32(c.packed.Len()))
	_, err = c.out.Write(c.packed.Bytes())
	return err
}

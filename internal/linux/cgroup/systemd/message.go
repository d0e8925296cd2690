//go:build linux

package systemd

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Kinds of message and fields of its header ("Message Protocol").
const (
	kindCall   = 1
	kindReturn = 2
	kindError  = 3
	kindSignal = 4

	fieldPath        = 1
	fieldInterface   = 2
	fieldMember      = 3
	fieldErrorName   = 4
	fieldReplySerial = 5
	fieldDestination = 6
	fieldSignature   = 8

	maxMessage = 1 << 20 // of ours; the specification allows 128 MiB
)

// message is one that came.
type message struct {
	kind    byte
	replyTo uint32
	member  string
	name    string // of an error
	sig     string
	body    []byte
}

// call is a method call.
type call struct {
	path      Path
	iface     string
	member    string
	arguments []any
}

// encode makes the call's bytes.
func (c call) encode(serial uint32) []byte {
	body := &encoder{}
	var sig Signature
	for _, a := range c.arguments {
		if aux, ok := a.(noAux); ok {
			sig += aux.signature()
			aux.encode(body)
			continue
		}
		sig += signature(a)
		body.value(a)
	}
	e := &encoder{b: []byte{'l', kindCall, 0, 1}}
	e.u32(uint32(len(body.b)))
	e.u32(serial)
	fields := []struct {
		code  byte
		value any
	}{{fieldPath, c.path}, {fieldInterface, c.iface}, {fieldMember, c.member}, {fieldDestination, managerName}}
	if sig != "" {
		fields = append(fields, struct {
			code  byte
			value any
		}{fieldSignature, sig})
	}
	e.array(8, len(fields), func(i int) {
		e.align(8)
		e.b = append(e.b, fields[i].code)
		e.variant(fields[i].value)
	})
	e.align(8)
	return append(e.b, body.b...)
}

// noAux is StartTransientUnit's last argument, "a(sa(sv))": no auxiliary units.
type noAux struct{}

func (noAux) signature() Signature { return "a(sa(sv))" }

func (noAux) encode(e *encoder) { e.array(8, 0, nil) }

// read reads the next message.
func read(r io.Reader) (message, error) {
	head := make([]byte, 16)
	if _, err := io.ReadFull(r, head); err != nil {
		return message{}, err
	}
	bodyLen, fieldsLen := binary.LittleEndian.Uint32(head[4:]), binary.LittleEndian.Uint32(head[12:])
	if head[0] != 'l' || head[3] != 1 || bodyLen > maxMessage || fieldsLen > maxMessage {
		return message{}, errWire // the peer is on this machine, and has its byte order
	}
	rest := make([]byte, (int(fieldsLen)+7)/8*8+int(bodyLen))
	if _, err := io.ReadFull(r, rest); err != nil {
		return message{}, err
	}
	m := message{kind: head[1], body: rest[len(rest)-int(bodyLen):]}
	// Alignment counts from the message's beginning, of which 16 bytes are read.
	d := &decoder{b: rest[:fieldsLen]}
	for d.at < len(d.b) && d.err == nil {
		d.align(8)
		code := d.u8()
		value := d.simple(d.sig())
		text, _ := value.(string)
		switch code {
		case fieldMember:
			m.member = text
		case fieldErrorName:
			m.name = text
		case fieldSignature:
			m.sig = text
		case fieldReplySerial:
			m.replyTo, _ = value.(uint32)
		}
	}
	return m, d.err
}

// text is the string or object path at the body's place i, all before it being
// strings, paths or numbers; else "".
func (m message) text(i int) string {
	d := &decoder{b: m.body}
	for at := range m.sig {
		v := d.simple(m.sig[at : at+1])
		if d.err != nil {
			return ""
		}
		if at == i {
			s, _ := v.(string)
			return s
		}
	}
	return ""
}

// busError is an error that the manager answered.
type busError struct{ name, text string }

func (e *busError) Error() string {
	if e.text == "" {
		return e.name
	}
	return fmt.Sprintf("%s (%s)", e.text, e.name)
}

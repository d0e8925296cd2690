// Package gelf sends a container's log as Graylog's extended format, over UDP
// (compressed, in chunks) or TCP.
package gelf

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"

	"berth/internal/fault"
	"berth/internal/logdriver/link"
	"berth/internal/logdriver/source"
	"berth/internal/logfile"
)

// The levels of what comes from a container, which are syslog's.
const (
	levelError = 3
	levelInfo  = 6
)

// Chunks of a datagram that is too long for one: two bytes of magic, eight
// that name the message, the chunk's number and how many there are.
const (
	chunkSize   = 1420 // what an Ethernet frame holds
	chunkHeader = 12
	maxChunks   = 128
)

// Driver sends one container's log. One goroutine uses it; Close may come from another.
type Driver struct {
	link  *link.Link
	host  string
	extra json.RawMessage // an object: what is the same in all messages
	tcp   bool
	pack  packer       // nil for none
	buf   bytes.Buffer // TCP: messages that have not been sent; UDP: the one at hand
}

// packer compresses one message after the other.
type packer interface {
	io.WriteCloser
	Reset(io.Writer)
}

// message is the format's fixed part.
type message struct {
	Version string  `json:"version"`
	Host    string  `json:"host"`
	Short   string  `json:"short_message"`
	Time    float64 `json:"timestamp"`
	Level   int     `json:"level"`
}

// New returns the driver. It connects with the first message, or with Connect.
func New(info *source.Info) (*Driver, error) {
	o, err := parse(info.Config)
	if err != nil {
		return nil, err
	}
	host, err := info.Hostname()
	if err != nil {
		return nil, fault.New(fault.Internal, "gelf: cannot access hostname to set source field")
	}
	extra, err := extraOf(info)
	if err != nil {
		return nil, err
	}
	d := &Driver{host: host, extra: extra, tcp: o.network == "tcp"}
	if d.pack, err = o.packer(); err != nil {
		return nil, fault.As(fault.Invalid, err)
	}
	retries := link.Retries{Count: 1}
	if d.tcp {
		retries = link.Retries{Count: o.reconnects, Wait: func(int) time.Duration { return time.Duration(o.delay) * time.Second }}
	}
	d.link = link.New(link.To(o.network, o.address), retries)
	return d, nil
}

func extraOf(info *source.Info) (json.RawMessage, error) {
	tag, err := info.Tag(source.DefaultTag)
	if err != nil {
		return nil, err
	}
	extra := map[string]any{
		"_container_id": info.ContainerID, "_container_name": info.Name(),
		"_image_id": info.ContainerImageID, "_image_name": info.ContainerImageName,
		"_command": info.Command(), "_tag": tag, "_created": info.ContainerCreated,
	}
	attrs, err := info.Attributes(func(key string) string {
		if strings.HasPrefix(key, "_") {
			return key
		}
		return "_" + key
	})
	if err != nil {
		return nil, err
	}
	for k, v := range attrs {
		extra[k] = v
	}
	text, err := json.Marshal(extra)
	return text, fault.As(fault.Internal, err)
}

func (o options) packer() (packer, error) {
	switch {
	case o.network == "tcp" || o.compression == "none":
		return nil, nil
	case o.compression == "zlib":
		return zlib.NewWriterLevel(nil, o.level)
	}
	return gzip.NewWriterLevel(nil, o.level)
}

// Connect connects now.
func (d *Driver) Connect() error {
	if err := d.link.Connect(); err != nil {
		return fault.New(fault.Unavailable, "gelf: cannot connect to GELF endpoint: %v", err)
	}
	return nil
}

// Log takes a message; over TCP it is sent with Flush. An empty line is not sent, as Docker's is not: the
// format wants a text.
func (d *Driver) Log(m *logfile.Message) error {
	if len(m.Line) == 0 {
		return nil
	}
	level := levelInfo
	if m.Stream == "stderr" {
		level = levelError
	}
	text, err := json.Marshal(message{
		Version: "1.1", Host: d.host, Short: string(m.Line), Level: level, Time: float64(m.Time.UnixMilli()) / 1000,
	})
	if err != nil {
		return fault.As(fault.Internal, err)
	}
	// The two objects become one.
	text = append(append(text[:len(text)-1], ','), d.extra[1:]...)
	if d.tcp {
		d.buf.Write(text)
		d.buf.WriteByte(0)
		return nil
	}
	return d.datagram(text)
}

func (d *Driver) datagram(text []byte) error {
	if d.pack != nil {
		d.buf.Reset()
		d.pack.Reset(&d.buf)
		_, err := d.pack.Write(text)
		if err = errors.Join(err, d.pack.Close()); err != nil {
			return fault.As(fault.Internal, err)
		}
		text = d.buf.Bytes()
	}
	chunks, err := split(text)
	if err != nil {
		return err
	}
	return d.link.Do(func(conn net.Conn) error {
		for _, c := range chunks {
			if _, err := conn.Write(c); err != nil {
				return err
			}
		}
		return nil
	})
}

// split makes the datagrams of a message.
func split(text []byte) ([][]byte, error) {
	if len(text) <= chunkSize {
		return [][]byte{text}, nil
	}
	const room = chunkSize - chunkHeader
	n := (len(text) + room - 1) / room
	if n > maxChunks {
		return nil, fault.New(fault.Invalid, "gelf: a message of %d bytes is more than %d chunks", len(text), maxChunks)
	}
	head := [chunkHeader]byte{0x1e, 0x0f}
	rand.Read(head[2:10])
	head[11] = byte(n)
	var chunks [][]byte
	for i := range n {
		head[10] = byte(i)
		chunks = append(chunks, append(head[:len(head):len(head)], text[:min(room, len(text))]...))
		text = text[min(room, len(text)):]
	}
	return chunks, nil
}

// Flush sends what Log took.
func (d *Driver) Flush() error {
	if !d.tcp || d.buf.Len() == 0 {
		return nil
	}
	_, err := d.link.Write(d.buf.Bytes())
	d.buf.Reset()
	return err
}

// Close ends the connection, and a Log or Flush that waits.
func (d *Driver) Close() error { return d.link.Close() }

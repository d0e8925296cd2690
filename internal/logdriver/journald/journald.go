// Package journald sends a container's log to systemd's journal, by its native
// protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL).
package journald

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/logdriver/link"
	"berth/internal/logdriver/source"
	"berth/internal/logfile"
)

// Socket is where the journal listens.
const Socket = "/run/systemd/journal/socket"

// Check refuses options that the driver does not have, in Docker's words.
func Check(o map[string]string) error {
	for key := range o {
		switch key {
		case "labels", "labels-regex", "env", "env-regex", "tag":
		default:
			return fault.New(fault.Invalid, "unknown log opt '%s' for journald log driver", key)
		}
	}
	return source.Check(o)
}

// Driver sends one container's log. One goroutine uses it; Close may come from another.
type Driver struct {
	link    *link.Link
	socket  string
	fields  []byte // in every entry
	ordinal uint64 // of the latest entry
	buf     []byte
}

// New returns the driver for a journal's socket. It connects with the first
// message, or with Connect.
func New(info *source.Info, socket string) (*Driver, error) {
	tag, err := info.Tag(source.DefaultTag)
	if err != nil {
		return nil, err
	}
	fields, err := info.Attributes(fieldName)
	if err != nil {
		return nil, err
	}
	delete(fields, "") // a name of nothing but what a field's name cannot begin with
	epoch := make([]byte, 16)
	rand.Read(epoch)
	maps.Copy(fields, map[string]string{
		"CONTAINER_ID": info.ID(), "CONTAINER_ID_FULL": info.ContainerID, "CONTAINER_NAME": info.Name(),
		"CONTAINER_TAG": tag, "IMAGE_NAME": info.ImageName(), "SYSLOG_IDENTIFIER": tag,
		"CONTAINER_LOG_EPOCH": hex.EncodeToString(epoch),
	})
	d := &Driver{socket: socket, link: link.New(dialer(socket), link.Retries{Count: 1})}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		d.fields = appendField(d.fields, name, []byte(fields[name]))
	}
	return d, nil
}

// fieldName makes a name that the journal takes: capitals, digits and
// underscores, and none of these in front.
func fieldName(s string) string {
	return strings.TrimLeft(strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z':
			return r - 'a' + 'A'
		case 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
			return r
		}
		return '_'
	}, s), "_")
}

// appendField appends a field; a value with a newline in it goes with its length.
func appendField(b []byte, name string, value []byte) []byte {
	b = append(b, name...)
	if bytes.IndexByte(value, '\n') < 0 {
		return append(append(append(b, '='), value...), '\n')
	}
	b = binary.LittleEndian.AppendUint64(append(b, '\n'), uint64(len(value)))
	return append(append(b, value...), '\n')
}

func dialer(socket string) link.Dial {
	return func(ctx context.Context) (net.Conn, error) {
		conn, err := link.To("unixgram", socket)(ctx)
		if err == nil {
			// Most entries fit into a datagram then.
			err = conn.(*net.UnixConn).SetWriteBuffer(8 << 20)
		}
		return conn, err
	}
}

// Connect finds out whether there is a journal.
func (d *Driver) Connect() error {
	if d.link.Connect() != nil {
		return fault.New(fault.Unavailable, "journald is not enabled on this host")
	}
	return nil
}

// Log sends a message.
func (d *Driver) Log(m *logfile.Message) error {
	priority := "6"
	if m.Stream == "stderr" {
		priority = "3"
	}
	d.ordinal++
	b := append(d.buf[:0], d.fields...)
	b = appendField(b, "PRIORITY", []byte(priority))
	b = appendField(b, "CONTAINER_LOG_ORDINAL", strconv.AppendUint(nil, d.ordinal, 10))
	b = appendField(b, "SYSLOG_TIMESTAMP", m.Time.UTC().AppendFormat(nil, time.RFC3339Nano))
	if p := m.Part; p.ID != "" {
		b = appendField(b, "CONTAINER_PARTIAL_ID", []byte(p.ID))
		b = appendField(b, "CONTAINER_PARTIAL_ORDINAL", strconv.AppendInt(nil, int64(p.Ordinal), 10))
		b = appendField(b, "CONTAINER_PARTIAL_LAST", strconv.AppendBool(nil, p.Last))
		if !p.Last {
			b = appendField(b, "CONTAINER_PARTIAL_MESSAGE", []byte("true"))
		}
	}
	d.buf = appendField(b, "MESSAGE", m.Line)
	return d.link.Do(func(conn net.Conn) error { return send(conn.(*net.UnixConn), d.buf) })
}

// send sends an entry; one that is too long for a datagram as a sealed file.
func send(conn *net.UnixConn, entry []byte) error {
	_, err := conn.Write(entry)
	if !errors.Is(err, unix.EMSGSIZE) && !errors.Is(err, unix.ENOBUFS) {
		return err
	}
	f, err := sealed(entry)
	if err != nil {
		return err
	}
	defer f.Close()
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	err = raw.Write(func(fd uintptr) bool { // net sends no descriptors over a datagram socket that is connected
		sent = unix.Sendmsg(int(fd), nil, unix.UnixRights(int(f.Fd())), nil, 0)
		return sent != unix.EAGAIN
	})
	return errors.Join(err, sent)
}

// sealed is memory that nobody can change any more: the journal takes no other.
func sealed(b []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("journal-entry", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "journal-entry")
	if _, err = f.Write(b); err == nil {
		_, err = unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE|unix.F_SEAL_SEAL)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Flush has nothing to do.
func (d *Driver) Flush() error { return nil }

// Close ends the connection, and a Log that waits.
func (d *Driver) Close() error { return d.link.Close() }

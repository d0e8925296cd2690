// Package syslog sends a container's log to a syslog receiver: the machine's
// own, or one over UDP, TCP, TLS or a Unix socket.
package syslog

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"

	"github.com/docker/go-connections/tlsconfig"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/logdriver/link"
	"berth/internal/logdriver/source"
	"berth/internal/logfile"
)

// Driver sends one container's log. One goroutine uses it; Close may come from another.
type Driver struct {
	link   *link.Link
	format format
	record record
	first  int    // the facility's priority
	whole  bool   // each message is a datagram
	buf    []byte // messages that have not been sent
}

// New returns the driver. It connects with the first message, or with Connect.
func New(info *source.Info) (*Driver, error) {
	o, err := parse(info.Config)
	if err != nil {
		return nil, err
	}
	tag, err := info.Tag(source.DefaultTag)
	if err != nil {
		return nil, err
	}
	host, err := info.Hostname()
	if err != nil {
		return nil, err
	}
	dial, err := dialer(o, info.Config)
	if err != nil {
		return nil, err
	}
	return &Driver{
		link: link.New(dial, link.Retries{Count: 1}), format: o.format, first: o.facility << 3,
		whole:  o.network != "tcp" && o.network != secure,
		record: record{host: host, tag: tag, pid: os.Getpid()},
	}, nil
}

func dialer(o options, raw map[string]string) (link.Dial, error) {
	switch o.network {
	case "":
		return local, nil
	case "unix":
		return func(ctx context.Context) (net.Conn, error) { return dialUnix(ctx, o.address) }, nil
	case secure:
		_, skip := raw["syslog-tls-skip-verify"]
		config, err := tlsconfig.Client(tlsconfig.Options{
			CAFile: raw["syslog-tls-ca-cert"], CertFile: raw["syslog-tls-cert"], KeyFile: raw["syslog-tls-key"], InsecureSkipVerify: skip,
		})
		if err != nil {
			return nil, fault.As(fault.Invalid, err)
		}
		return func(ctx context.Context) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, link.DialTime)
			defer cancel()
			d := tls.Dialer{Config: config}
			return d.DialContext(ctx, "tcp", o.address)
		}, nil
	}
	return link.To(o.network, o.address), nil
}

// dialUnix connects to a socket of either kind: /dev/log is one of datagrams mostly.
func dialUnix(ctx context.Context, path string) (net.Conn, error) {
	conn, err := link.To("unix", path)(ctx)
	if errors.Is(err, unix.EPROTOTYPE) {
		return link.To("unixgram", path)(ctx)
	}
	return conn, err
}

// local connects to the machine's own.
func local(ctx context.Context) (net.Conn, error) {
	for _, path := range []string{"/dev/log", "/var/run/syslog", "/var/run/log"} {
		if conn, err := dialUnix(ctx, path); err == nil {
			return conn, nil
		}
	}
	return nil, fault.New(fault.Unavailable, "Unix syslog delivery error")
}

// Connect connects now.
func (d *Driver) Connect() error { return d.link.Connect() }

// Log takes a message; over a stream it is sent with Flush. An empty line is not sent, as Docker's is not.
func (d *Driver) Log(m *logfile.Message) error {
	if len(m.Line) == 0 {
		return nil
	}
	r := d.record
	r.priority, r.time, r.text = d.first|severityInfo, m.Time, m.Line
	if m.Stream == "stderr" {
		r.priority = d.first | severityError
	}
	d.buf = d.format(d.buf, r)
	if d.whole {
		return d.Flush()
	}
	return nil
}

// Flush sends what Log took.
func (d *Driver) Flush() error {
	if len(d.buf) == 0 {
		return nil
	}
	_, err := d.link.Write(d.buf)
	d.buf = d.buf[:0]
	return err
}

// Close ends the connection, and a Log or Flush that waits.
func (d *Driver) Close() error { return d.link.Close() }

// Package fluentd sends a container's log by the forward protocol, which
// Fluentd and Fluent Bit speak.
package fluentd

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"maps"
	"math"
	"net"
	"slices"
	"strconv"
	"time"

	"berth/internal/fault"
	"berth/internal/logdriver/link"
	"berth/internal/logdriver/source"
	"berth/internal/logfile"
)

// Driver sends one container's log. One goroutine uses it; Close may come from
// another. Without async, Log waits until the message is sent, however often that
// has to be tried: that is what the driver promises. With it, Log never waits.
type Driver struct {
	options options
	link    *link.Link
	tag     string
	fields  map[string]string // in every record
	names   []string          // theirs, in order
	queue   *queue            // nil when not async
	buf     []byte
}

// packet is one message in the protocol's form.
type packet struct {
	bytes []byte
	chunk string // what the other side acknowledges; "" when it need not
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
	fields, err := info.Attributes(nil)
	if err != nil {
		return nil, err
	}
	fields["container_id"], fields["container_name"] = info.ContainerID, info.ContainerName
	if len(fields) > math.MaxUint16-10 {
		return nil, fault.New(fault.Invalid, "a record cannot have %d labels and variables", len(fields))
	}
	d := &Driver{options: o, tag: tag, fields: fields, names: slices.Sorted(maps.Keys(fields))}
	retries := link.Retries{Count: o.retries, Wait: o.pause, Patient: true}
	d.link = link.New(dialer(o), retries)
	if o.async {
		d.queue = newQueue(o.limit)
		go d.sendQueue()
	}
	return d, nil
}

func dialer(o options) link.Dial {
	if o.network != "tls" {
		return link.To(o.network, o.address)
	}
	return func(ctx context.Context) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, link.DialTime)
		defer cancel()
		return new(tls.Dialer).DialContext(ctx, "tcp", o.address)
	}
}

// longestPause is the most that a retry waits.
const longestPause = time.Minute

// pause is how long to wait before a retry.
func (o options) pause(try int) time.Duration {
	d := float64(o.wait) * math.Pow(1.5, float64(try-1))
	return time.Duration(min(d, float64(longestPause)))
}

// Connect connects now; with async, when there is something to send.
func (d *Driver) Connect() error {
	if d.queue != nil {
		return nil
	}
	return d.link.Connect()
}

// Log sends a message, or puts it into the queue.
func (d *Driver) Log(m *logfile.Message) error {
	p := d.pack(m)
	if d.queue != nil {
		p.bytes = slices.Clone(p.bytes)
		return d.queue.put(p)
	}
	return d.send(p)
}

// Flush has nothing to do.
func (d *Driver) Flush() error { return nil }

// pack makes [tag, time, record, option], with an option that may be empty, as Docker's has it; its bytes are
// valid until the next.
func (d *Driver) pack(m *logfile.Message) packet {
	var p packet
	if d.options.ack {
		id := make([]byte, 16)
		rand.Read(id)
		p.chunk = base64.StdEncoding.EncodeToString(id)
	}
	b := appendString(append(d.buf[:0], 0x94), d.tag) // an array of four
	b = appendTime(b, m.Time, d.options.subSecond)
	n := len(d.names) + 2
	if m.Part.ID != "" {
		n += 4
	}
	b = appendMapHead(b, n)
	for _, name := range d.names {
		b = appendString(appendString(b, name), d.fields[name])
	}
	b = appendString(appendString(b, "source"), m.Stream)
	b = appendString(appendString(b, "log"), string(m.Line))
	if m.Part.ID != "" {
		b = appendString(appendString(b, "partial_message"), "true")
		b = appendString(appendString(b, "partial_id"), m.Part.ID)
		b = appendString(appendString(b, "partial_ordinal"), strconv.Itoa(m.Part.Ordinal))
		b = appendString(appendString(b, "partial_last"), strconv.FormatBool(m.Part.Last))
	}
	if p.chunk == "" {
		b = appendMapHead(b, 0)
	} else {
		b = appendString(appendString(appendMapHead(b, 1), "chunk"), p.chunk)
	}
	d.buf, p.bytes = b, b
	return p
}

// send sends a packet and waits for what acknowledges it.
func (d *Driver) send(p packet) error {
	return d.link.Do(func(conn net.Conn) error {
		if t := d.options.writeTime; t > 0 {
			if err := conn.SetDeadline(time.Now().Add(t)); err != nil {
				return err
			}
		}
		if _, err := conn.Write(p.bytes); err != nil || p.chunk == "" {
			return err
		}
		ack, err := readAck(bufio.NewReader(conn))
		if err == nil && ack != p.chunk {
			err = fault.New(fault.Internal, "fluentd acknowledged another message")
		}
		return err
	})
}

// sendQueue sends what is in the queue until the driver is closed.
func (d *Driver) sendQueue() {
	for {
		p, ok := d.queue.get(d.link.Done())
		if !ok {
			close(d.queue.done)
			return
		}
		if every := d.options.reconnect; every > 0 && d.link.Age() > every {
			d.link.Drop()
		}
		if err := d.send(p); err != nil && !errors.Is(err, net.ErrClosed) {
			d.queue.failed(err)
		}
	}
}

// closeTime is what the queue gets to be sent when the log ends.
const closeTime = time.Second

// Close ends the connection, and a Log that waits. What is in the queue is still
// sent when that is possible at once.
func (d *Driver) Close() error {
	if d.queue != nil {
		d.queue.drain(closeTime)
	}
	err := d.link.Close()
	if d.queue != nil {
		<-d.queue.done
	}
	return err
}

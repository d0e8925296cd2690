//go:build linux

package systemd

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"berth/internal/fault"
)

const (
	managerName  = "org.freedesktop.systemd1"
	managerPath  = Path("/org/freedesktop/systemd1")
	managerIface = "org.freedesktop.systemd1.Manager"
)

// patience is how long the manager may take for a job.
const patience = 30 * time.Second

// bus is a conversation with the manager: one call at a time.
type bus struct {
	conn   net.Conn
	r      *bufio.Reader
	serial uint32
}

// dial connects to the manager.
func dial(ctx context.Context, socket string) (*bus, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "systemd does not run here: %s cannot be reached; use the cgroupfs driver", socket)
	}
	b := &bus{conn: conn, r: bufio.NewReader(conn)}
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(patience)
	}
	if err := errors.Join(conn.SetDeadline(deadline), b.authenticate()); err != nil {
		conn.Close()
		return nil, fault.Wrap(fault.Unavailable, err, "systemd does not take the connection")
	}
	return b, nil
}

func (b *bus) close() { b.conn.Close() }

// authenticate says who we are ("Authentication Protocol"); the kernel vouches for it. BEGIN does
// not wait for the answer: systemd leaves a call alone that it reads together with BEGIN.
func (b *bus) authenticate() error {
	uid := hex.EncodeToString([]byte(strconv.Itoa(os.Getuid())))
	if _, err := b.conn.Write([]byte("\x00AUTH EXTERNAL " + uid + "\r\nBEGIN\r\n")); err != nil {
		return err
	}
	line, err := b.r.ReadString('\n')
	if err != nil {
		return err
	}
	if !strings.HasPrefix(line, "OK ") {
		return errors.New(strings.TrimSpace(line))
	}
	return nil
}

// do makes a call and returns its answer. Signals that come before it go to heard.
func (b *bus) do(c call, heard func(message)) (message, error) {
	b.serial++
	if _, err := b.conn.Write(c.encode(b.serial)); err != nil {
		return message{}, err
	}
	for {
		m, err := read(b.r)
		switch {
		case err != nil:
			return m, err
		case m.kind == kindSignal:
			if heard != nil {
				heard(m)
			}
		case m.replyTo != b.serial:
		case m.kind == kindError:
			return m, &busError{m.name, m.text(0)}
		case m.kind == kindReturn:
			return m, nil
		}
	}
}

// job makes a call that starts a job and waits for the job's end. It returns the
// job's result: "done" is the good one.
func (b *bus) job(c call) (result string, err error) {
	if _, err := b.do(call{path: managerPath, iface: managerIface, member: "Subscribe"}, nil); err != nil {
		var e *busError
		if !errors.As(err, &e) { // else it has been done
			return "", err
		}
	}
	ended := map[string]string{}
	hear := func(m message) {
		if m.member == "JobRemoved" { // number, job, unit, result
			ended[m.text(1)] = m.text(3)
		}
	}
	m, err := b.do(c, hear)
	if err != nil {
		return "", err
	}
	job := m.text(0)
	for {
		if result, ok := ended[job]; ok {
			return result, nil
		}
		m, err := read(b.r)
		if err != nil {
			return "", err
		}
		if m.kind == kindSignal {
			hear(m)
		}
	}
}

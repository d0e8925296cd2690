package logs

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/moby/moby/api/pkg/stdcopy"
)

const (
	// copySize is how much of a log is read, and written, at once.
	copySize = 256 << 10
	// head is the length of a frame's header: the stream, three bytes, the payload's length.
	head = 8
	// longestFrame is more than any daemon sends.
	longestFrame = 64 << 20
)

// Copy takes a log out of its frames, as stdcopy does, but writes what came
// together at once: a daemon sends a frame a line. It never waits for more
// before it writes what it has.
func Copy(out, errOut io.Writer, in io.Reader) error {
	c := copier{out: out, errOut: errOut}
	buf := make([]byte, copySize)
	have := 0
	for {
		n, err := in.Read(buf[have:])
		have += n
		used, ferr := c.frames(buf[:have])
		if ferr != nil {
			return ferr
		}
		have = copy(buf, buf[used:have])
		switch {
		case err == io.EOF && have > 0:
			return io.ErrUnexpectedEOF
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case have == len(buf):
			buf = append(buf, make([]byte, len(buf))...)
		}
	}
}

type copier struct {
	out, errOut io.Writer
	to          io.Writer // of what is pending
	pending     []byte
}

// frames writes the payloads of all whole frames, and returns their length.
func (c *copier) frames(b []byte) (used int, err error) {
	for len(b)-used >= head {
		size := int(binary.BigEndian.Uint32(b[used+4:]))
		if size > longestFrame {
			return used, fmt.Errorf("a frame of %d bytes is none of a log", size)
		}
		if len(b)-used < head+size {
			break
		}
		payload := b[used+head : used+head+size]
		to := c.out
		switch stdcopy.StdType(b[used]) {
		case stdcopy.Stdin, stdcopy.Stdout:
		case stdcopy.Stderr:
			to = c.errOut
		case stdcopy.Systemerr:
			if err := c.flush(); err != nil {
				return used, err
			}
			return used, fmt.Errorf("error from daemon in stream: %s", payload)
		default:
			return used, fmt.Errorf("unrecognized stream: %d", b[used])
		}
		if to != c.to {
			if err := c.flush(); err != nil {
				return used, err
			}
			c.to = to
		}
		c.pending = append(c.pending, payload...)
		used += head + size
	}
	return used, c.flush()
}

func (c *copier) flush() error {
	if len(c.pending) == 0 {
		return nil
	}
	_, err := c.to.Write(c.pending)
	c.pending = c.pending[:0]
	return err
}

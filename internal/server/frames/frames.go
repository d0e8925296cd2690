// Package frames writes the streams of a process to one connection, as the API documentation of attach has it.
package frames

import (
	"encoding/binary"
	"io"
	"net"
	"sync"
)

// Streams of a framed connection, as in the API documentation of attach.
const (
	frameStdout = 1
	frameStderr = 2
)

// frameHeader is the length of a frame's header: the stream, three zero bytes, and
// the payload's length in big-endian order.
const frameHeader = 8

// smallFrame is up to which size a frame is copied together rather than gathered
// by writev(2).
const smallFrame = 32 << 10

// framer writes frames of several streams to one writer, one frame at a time and
// each with one write.
type framer struct {
	mu  sync.Mutex
	out io.Writer
	buf []byte // reused, under mu
}

// stream returns the writer of one stream.
func (f *framer) stream(id byte) io.Writer { return &frameWriter{framer: f, id: id} }

type frameWriter struct {
	framer *framer
	id     byte
}

// Write sends p as one frame.
func (w *frameWriter) Write(p []byte) (int, error) {
	f := w.framer
	f.mu.Lock()
	defer f.mu.Unlock()
	var head [frameHeader]byte
	head[0] = w.id
	binary.BigEndian.PutUint32(head[4:], uint32(len(p)))
	if len(p) > smallFrame {
		return f.gather(head[:], p)
	}
	f.buf = append(append(f.buf[:0], head[:]...), p...)
	n, err := f.out.Write(f.buf)
	return max(0, n-frameHeader), err
}

func (f *framer) gather(head, p []byte) (int, error) {
	bufs := net.Buffers{head, p}
	n, err := bufs.WriteTo(f.out)
	return max(0, int(n)-frameHeader), err
}

// locked serialises the writes of two streams that share a raw connection.
type locked struct {
	mu  sync.Mutex
	out io.Writer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(p)
}

// Outputs returns the writers of stdout and stderr: one raw stream for a terminal,
// else frames.
func Outputs(w io.Writer, tty bool) (stdout, stderr io.Writer) {
	if tty {
		l := &locked{out: w}
		return l, l
	}
	f := &framer{out: w}
	return f.stream(frameStdout), f.stream(frameStderr)
}

package stream

import (
	"bytes"
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// chunkSize is the most that is read at once: a pipe's usual capacity.
const chunkSize = 64 << 10

// pipeSize is what a program can write before it waits for us. The kernel
// takes the memory only for what is in it. With the usual 64 KiB, program and daemon
// would wait for each other's turn at the processor once in every chunk.
const pipeSize = 512 << 10

// copyOut reads one output stream to its end.
//
// From a pipe, a chunk is first duplicated with tee(2), written to the log,
// and only then taken out of the pipe: a daemon that is killed in between
// leaves the chunk to whoever reads next. A pty master cannot be teed.
func (h *Hub) copyOut(r *run, stream byte, f *os.File, sink Sink) {
	src := source{f: f}
	if !r.ends.TTY {
		src.peek()
	}
	defer src.close()
	for {
		chunk, err := src.next()
		if len(chunk) > 0 {
			chunk = src.lines(chunk)
			if sink != nil {
				// A log that cannot be written (a full disk) must not stop the
				// program or those who watch it.
				_ = sink(stream, time.Now(), chunk)
			}
			if cerr := src.consume(len(chunk)); cerr != nil && err == nil {
				err = cerr
			}
			h.deliver(r, stream, chunk)
		}
		if err != nil {
			return
		}
	}
}

// source is a stream that is read in two steps where that is possible.
type source struct {
	f    *os.File
	conn teeConn
	r, w int // the scratch pipe; zero when chunks are read directly
	// What is shown, and where it goes when it is taken out of the pipe. They are as long as the longest chunk so far: most
	// programs say little, and there may be hundreds of them.
	buf, taken []byte
}

type teeConn interface {
	Read(func(fd uintptr) bool) error
	Control(func(fd uintptr)) error
}

// peek prepares the two steps; when it cannot, chunks are read directly.
func (s *source) peek() {
	conn, err := s.f.SyscallConn()
	if err != nil {
		return
	}
	var p [2]int
	if unix.Pipe2(p[:], unix.O_CLOEXEC|unix.O_NONBLOCK) != nil {
		return
	}
	s.conn, s.r, s.w = conn, p[0], p[1]
	// A limit of the system's may forbid it: then it stays as it is.
	_ = conn.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, pipeSize) })
}

func (s *source) close() {
	if s.r != 0 {
		unix.Close(s.r)
		unix.Close(s.w)
	}
}

// smallest is what a buffer begins with: a page.
const smallest = 4 << 10

// room returns a buffer that holds n bytes: the old one, or a longer one.
func room(buf []byte, n int) []byte {
	size := max(len(buf), smallest)
	for size < min(n, chunkSize) {
		size *= 2
	}
	if size == len(buf) {
		return buf
	}
	return make([]byte, size)
}

// direct reads a chunk. One that fills its buffer is followed by a longer one.
func (s *source) direct() ([]byte, error) {
	s.buf = room(s.buf, smallest)
	n, err := s.f.Read(s.buf)
	if errors.Is(err, unix.EIO) { // a pty whose slaves are all closed
		err = io.EOF
	}
	chunk := s.buf[:n]
	if n == len(s.buf) {
		s.buf = room(s.buf, 2*n)
	}
	return chunk, err
}

// next returns the next chunk, valid until the one after it. From a pipe it is still in the pipe until consume.
func (s *source) next() ([]byte, error) {
	if s.r == 0 {
		return s.direct()
	}
	var n int64
	var terr error
	err := s.conn.Read(func(fd uintptr) bool {
		for {
			n, terr = unix.Tee(int(fd), s.w, chunkSize, unix.SPLICE_F_NONBLOCK)
			if terr != unix.EINTR {
				break
			}
		}
		return terr != unix.EAGAIN
	})
	if err == nil {
		err = terr
	}
	if err == unix.EINVAL { // not a pipe after all
		s.close()
		s.r = 0
		return s.next()
	}
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, io.EOF
	}
	s.buf = room(s.buf, int(n))
	got, err := readFull(s.r, s.buf[:n])
	return s.buf[:got], err
}

// lines is how much of a chunk is taken now: up to the end of its last line. What
// has begun behind it stays in the pipe, and is shown again: the log would hold it in memory, where a
// killed daemon loses it. A chunk without an end of a line is taken whole, and so is one that nothing can be left of.
func (s *source) lines(chunk []byte) []byte {
	if i := bytes.LastIndexByte(chunk, '\n'); s.r != 0 && i >= 0 {
		return chunk[:i+1]
	}
	return chunk
}

// consume takes n bytes that next has shown out of the pipe. They are there, so
// it does not wait, and an Interrupt does not keep it from them: what has been
// logged must not be found again.
func (s *source) consume(n int) (err error) {
	if s.r == 0 {
		return nil
	}
	s.taken = room(s.taken, n)
	cerr := s.conn.Control(func(fd uintptr) { _, err = readFull(int(fd), s.taken[:n]) })
	if cerr != nil {
		return cerr
	}
	return err
}

func readFull(fd int, buf []byte) (int, error) {
	got := 0
	for got < len(buf) {
		n, err := unix.Read(fd, buf[got:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return got, err
		}
		if n == 0 {
			return got, io.ErrUnexpectedEOF
		}
		got += n
	}
	return got, nil
}

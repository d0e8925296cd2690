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
	buf := make([]byte, chunkSize)
	for {
		n, err := src.next(buf)
		if n > 0 {
			n = src.lines(buf[:n])
			chunk := buf[:n]
			if sink != nil {
				// A log that cannot be written (a full disk) must not stop the
				// program or those who watch it.
				_ = sink(stream, time.Now(), chunk)
			}
			if cerr := src.consume(n); cerr != nil && err == nil {
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
	f       *os.File
	conn    teeConn
	r, w    int // the scratch pipe; zero when chunks are read directly
	scratch []byte
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
	s.scratch = make([]byte, chunkSize)
}

func (s *source) close() {
	if s.r != 0 {
		unix.Close(s.r)
		unix.Close(s.w)
	}
}

// next returns the next chunk. From a pipe it is still in the pipe until consume.
func (s *source) next(buf []byte) (int, error) {
	if s.r == 0 {
		n, err := s.f.Read(buf)
		if errors.Is(err, unix.EIO) { // a pty whose slaves are all closed
			err = io.EOF
		}
		return n, err
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
		return s.next(buf)
	}
	if err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, io.EOF
	}
	return readFull(s.r, buf[:n])
}

// lines is how much of a chunk is taken now: up to the end of its last line. What
// has begun behind it stays in the pipe, and is shown again: the log would hold it in memory, where a
// killed daemon loses it. A chunk without an end of a line is taken whole, and so is one that nothing can be left of.
func (s *source) lines(chunk []byte) int {
	if i := bytes.LastIndexByte(chunk, '\n'); s.r != 0 && i >= 0 {
		return i + 1
	}
	return len(chunk)
}

// consume takes n bytes that next has shown out of the pipe. They are there, so
// it does not wait, and an Interrupt does not keep it from them: what has been
// logged must not be found again.
func (s *source) consume(n int) (err error) {
	if s.r == 0 {
		return nil
	}
	cerr := s.conn.Control(func(fd uintptr) { _, err = readFull(int(fd), s.scratch[:n]) })
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

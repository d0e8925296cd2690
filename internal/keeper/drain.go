//go:build linux

package keeper

import (
	"errors"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// drain reads the output of processes that no daemon reads, into their spool
// files. One goroutine, one epoll instance and one buffer serve them all:
// goroutines of their own would cost more memory than the processes' records.
//
// Reading from a stream and writing the frame happen under the record's lock,
// so whoever takes the lock and disarms the stream knows that every byte is
// either in the spool or still in the pipe.
type drain struct {
	epoll  *os.File
	raw    syscall.RawConn
	number int // the epoll descriptor
	log    func(string)
	eof    func() // called when a stream has ended
	mu     sync.Mutex
	armed  map[int32]*end // by descriptor
	buffer []byte         // a frame: header and data
}

// drainRetry is how long a stream rests after its frame could not be written.
const drainRetry = time.Second

func newDrain(log func(string), eof func()) (*drain, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	// An epoll descriptor can itself be polled: so Go's poller waits for it and
	// no thread is parked in epoll_wait.
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "drain")
	raw, err := f.SyscallConn()
	if err != nil {
		f.Close()
		return nil, err
	}
	return &drain{
		epoll: f, raw: raw, number: fd, log: log, eof: eof,
		armed: map[int32]*end{}, buffer: make([]byte, frameHeader+frameData),
	}, nil
}

// run drains until the process ends.
func (d *drain) run() {
	events := make([]unix.EpollEvent, 16)
	for {
		n := 0
		err := d.raw.Read(func(fd uintptr) bool {
			var err error
			n, err = unix.EpollWait(int(fd), events, 0)
			return n > 0 || (err != nil && !errors.Is(err, unix.EINTR))
		})
		if err != nil {
			return
		}
		for _, event := range events[:max(n, 0)] {
			d.mu.Lock()
			e := d.armed[event.Fd]
			d.mu.Unlock()
			if e != nil {
				d.step(e)
			}
		}
	}
}

// step moves at most one frame.
func (d *drain) step(e *end) {
	r := e.of
	r.mu.Lock()
	defer r.mu.Unlock()
	if !e.armed || e.fd < 0 {
		return // taken over since epoll reported it
	}
	if err := r.openSpool(); err != nil {
		d.disarm(e)
		if drained(e.fd) {
			d.ended(e)
		} else {
			d.later(e, err.Error())
		}
		return
	}
	if r.spool.size+int64(len(d.buffer)) > spoolLimit {
		d.disarm(e) // the pipe fills and the program waits: nothing is dropped
		d.log("the spool " + r.spoolPath + " is full; the output waits for a daemon")
		return
	}
	n, err := unix.Read(e.fd, d.buffer[frameHeader:])
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
	case err != nil || n == 0: // a pty master answers EIO when nobody has the terminal open
		d.disarm(e)
		d.ended(e)
	default:
		putFrameHeader(d.buffer, e.stream, time.Now(), n)
		e.pending = d.buffer[:frameHeader+n]
		if !r.flush(e) {
			e.pending = append([]byte(nil), e.pending...) // the buffer is everybody's
			d.disarm(e)
			d.later(e, "it cannot be written")
		}
	}
}

// ended closes a stream after its last byte. The caller holds the record's mu.
func (d *drain) ended(e *end) {
	e.close()
	e.of.closeSpoolWhenDone()
	d.eof()
}

// drained reports whether a stream is at its end, without reading from it.
func drained(fd int) bool {
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	_, err := unix.Poll(p, 0)
	return err == nil && p[0].Revents&unix.POLLIN == 0 && p[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0
}

// arm watches e. The caller holds the record's mu.
func (d *drain) arm(e *end) {
	if e.armed {
		return
	}
	d.mu.Lock()
	d.armed[int32(e.fd)] = e
	d.mu.Unlock()
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(e.fd)}
	if err := unix.EpollCtl(d.number, unix.EPOLL_CTL_ADD, e.fd, &event); err != nil {
		d.log("cannot watch the output of " + e.of.id + ": " + err.Error())
		d.forget(e)
		return
	}
	e.armed = true
}

// disarm stops watching e. The caller holds the record's mu.
func (d *drain) disarm(e *end) {
	if !e.armed {
		return
	}
	e.armed = false
	_ = unix.EpollCtl(d.number, unix.EPOLL_CTL_DEL, e.fd, nil)
	d.forget(e)
}

func (d *drain) forget(e *end) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.armed, int32(e.fd))
}

// later tries e again after a rest: a disk that was full may have room then.
// The caller holds the record's mu.
func (d *drain) later(e *end, reason string) {
	if e.resting {
		return
	}
	e.resting = true
	if !e.of.complained {
		e.of.complained = true
		d.log("the output of " + e.of.id + " waits for its spool " + e.of.spoolPath + ": " + reason)
	}
	time.AfterFunc(drainRetry, func() {
		r := e.of
		r.mu.Lock()
		defer r.mu.Unlock()
		e.resting = false
		if r.adopted || r.closed || e.armed {
			return
		}
		if e.pending != nil && !r.flush(e) {
			d.later(e, "")
		} else if e.fd >= 0 {
			d.arm(e)
		}
	})
}

// flush writes e's pending frame whole or not at all. The caller holds mu.
func (r *record) flush(e *end) bool {
	if r.openSpool() != nil || !r.spool.append(e.pending) {
		return false
	}
	e.pending = nil
	return true
}

func (r *record) openSpool() error {
	if r.spool != nil {
		return nil
	}
	s, err := openSpoolFile(r.spoolPath)
	if err == nil {
		r.spool = s
	}
	return err
}

func (r *record) closeSpoolWhenDone() {
	for _, e := range r.ends {
		if e.stream != 0 && (e.fd >= 0 || e.pending != nil) {
			return
		}
	}
	r.spool.close()
	r.spool = nil
}

// spoolFile is a spool file that frames are appended to.
type spoolFile struct {
	fd   int
	size int64
}

// openSpoolFile opens or makes a spool file and cuts a torn frame off its end.
func openSpoolFile(path string) (*spoolFile, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	size, err := wholeFrames(f, info.Size())
	if err == nil && size < info.Size() {
		err = f.Truncate(size)
	}
	if err != nil {
		return nil, err
	}
	fds, err := duplicate([]int{int(f.Fd())})
	if err != nil {
		return nil, err
	}
	return &spoolFile{fd: fds[0], size: size}, nil
}

func (s *spoolFile) append(frame []byte) bool {
	for done := 0; done < len(frame); {
		n, err := unix.Pwrite(s.fd, frame[done:], s.size+int64(done))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n == 0 {
			_ = unix.Ftruncate(s.fd, s.size) // a torn tail is tolerated where this fails
			return false
		}
		done += n
	}
	s.size += int64(len(frame))
	return true
}

func (s *spoolFile) close() {
	if s != nil {
		unix.Close(s.fd)
	}
}

//go:build linux

package keeper

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// The state is what a keeper hands to the one that it becomes, in the form of messages
// (message.go):
//
//	version u32 · lock, listener, connection: fd each · number u32 of the request
//	records u32, each: process · spool path, exit path · pidfd, mounts: fd each · adopted u8
//	    ends u16, each: name · fd · pending u32 and its bytes
//
// An fd is a u32, 1 more than the descriptor; 0 is none. A version's form never changes.

// fds collects the descriptors that a state names.
type stateWriter struct {
	writer
	fds []int
}

func (w *stateWriter) fd(fd int) {
	if fd < 0 {
		w.u32(0)
		return
	}
	w.u32(uint32(fd) + 1)
	w.fds = append(w.fds, fd)
}

func (r *reader) fd() int { return int(r.u32()) - 1 }

func (w *stateWriter) bytes(b []byte) {
	w.u32(uint32(len(b)))
	w.b = append(w.b, b...)
}

func (r *reader) bytes() []byte {
	n := int(r.u32())
	if r.bad || n > len(r.b) {
		r.bad = true
		return nil
	}
	if n == 0 {
		return nil
	}
	return append([]byte(nil), r.take(n)...)
}

// state writes down what is known and held. The caller holds all locks.
func (s renewal) state(l *link, number uint32) (state []byte, fds []int) {
	w := &stateWriter{}
	w.u32(Version)
	w.fd(rawFd(s.lock))
	w.fd(rawFd(s.listener.f))
	w.fd(rawFd(l.sock.f))
	w.u32(number)
	w.u32(uint32(len(s.procs)))
	for _, r := range s.procs {
		r.save(w)
	}
	return w.b, w.fds
}

// save writes one record. The caller holds the server's and the record's mu.
func (r *record) save(w *stateWriter) {
	writeProcess(&w.writer, &Process{ID: r.id, Container: r.container, Pid: r.pid, Started: r.started, Exit: r.exit})
	w.str(r.spoolPath)
	w.str(r.exitPath)
	w.fd(r.pidfd)
	w.fd(r.mounts)
	adopted := uint8(0)
	if r.adopted {
		adopted = 1
	}
	w.u8(adopted)
	w.u16(len(r.ends))
	for _, e := range r.ends {
		w.str(e.name)
		w.fd(e.fd)
		w.bytes(e.pending)
	}
}

func loadRecord(r *reader) *record {
	p := readProcess(r)
	x := &record{id: p.ID, container: p.Container, pid: p.Pid, started: p.Started, exit: p.Exit, spoolPath: r.str(), exitPath: r.str()}
	x.pidfd, x.mounts = r.fd(), r.fd()
	x.adopted = r.u8() != 0
	for n := r.u16(); n > 0 && !r.bad; n-- {
		e := newEnd(x, r.str(), r.fd())
		e.pending = r.bytes()
		x.ends = append(x.ends, e)
	}
	return x
}

// restored is a keeper's state as it came over.
type restored struct {
	lock, listener, link int
	number               uint32
	records              []*record
}

func parseState(b []byte) (*restored, error) {
	r := &reader{b: b}
	if v := r.u32(); v != Version {
		return nil, fault.New(fault.Unsupported, "this keeper cannot take over from one of protocol version %d", v)
	}
	s := &restored{lock: r.fd(), listener: r.fd(), link: r.fd(), number: r.u32()}
	for n := r.u32(); n > 0 && !r.bad; n-- {
		s.records = append(s.records, loadRecord(r))
	}
	return s, r.done()
}

// readState reads the state that the keeper before has left at a descriptor.
func readState(file *os.File) (*restored, error) {
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	b := make([]byte, info.Size())
	if _, err := file.ReadAt(b, 0); err != nil {
		return nil, err
	}
	return parseState(b)
}

// resumeFrom puts the state of the keeper before in force. Nobody else works yet.
func (s renewal) resumeFrom(before *restored) error {
	sock, err := newSocket(before.link)
	if err != nil {
		return err
	}
	l := newLink(sock)
	s.link = l
	for _, r := range before.records {
		s.procs[r.id] = r
		if r.exit == nil {
			s.pids[r.pid] = r
		}
		r.mu.Lock()
		r.rearm(s.drain)
		r.mu.Unlock()
	}
	s.log("renewed, with " + strconv.Itoa(len(s.procs)) + " processes")
	l.answer(before.number, func(w *writer) {
		w.u32(uint32(unix.Getpid()))
		w.u32(Version)
	}, nil)
	go l.send()
	go s.hear(l)
	return nil
}

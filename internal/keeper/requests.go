//go:build linux

package keeper

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/program"
)

// dispatch answers one packet of the daemon, or returns the work that leads to
// its answer and may take long. It owns fds.
func (s *server) dispatch(l *link, packet []byte, fds []int, lost bool) (work func()) {
	k, number, body, err := parseHeader(packet)
	if err == nil && lost {
		err = fault.New(fault.Unavailable, "a request lost descriptors or bytes on its way to the keeper")
	}
	switch {
	case err == nil && k == askStart:
		work, err = s.start(l, number, body, fds)
	case err == nil && k == askPark:
		work, err = s.sandboxes.park(l, number, body, fds)
	case err == nil && k == askRenew:
		err = renewal{s}.renew(l, number, body, fds)
	case err == nil && k == askHold:
		err = hold(s, body, fds)
		if err == nil {
			l.answer(number, nil, nil)
		}
	default:
		closeAll(fds)
		if err == nil {
			err = s.simple(l, k, number, body)
		}
	}
	if errors.Is(err, errMalformed) {
		err = fault.As(fault.Invalid, err)
	}
	if err != nil {
		l.fail(number, err)
	}
	return work
}

// simple answers the requests that bring no descriptors and never wait.
func (s *server) simple(l *link, k kind, number uint32, body *reader) error {
	if k == askList || k == askParked {
		if err := body.done(); err != nil {
			return err
		}
		if k == askList {
			s.list(l, number)
		} else {
			s.sandboxes.ids(l, number)
		}
		return nil
	}
	if k != askDiscard && k != askAdopt && k != askCloseStdin && k != askForget {
		return fault.New(fault.Invalid, "the keeper does not know request %d", k)
	}
	id := body.str()
	if err := body.done(); err != nil {
		return err
	}
	if k == askDiscard {
		return s.sandboxes.discard(l, number, id)
	}
	s.mu.Lock()
	r := s.procs[id]
	s.mu.Unlock()
	if r == nil {
		return fault.New(fault.NotFound, "the keeper has no process %s", id)
	}
	switch k {
	case askAdopt:
		return s.adopt(l, number, r)
	case askCloseStdin:
		r.closeNamed(StreamStdin)
	case askForget:
		if err := s.forget(r); err != nil {
			return err
		}
	}
	l.answer(number, nil, nil)
	return nil
}

// list answers in as many packets as it takes.
func (s *server) list(l *link, number uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	flush := func(more uint8, count int, items []byte) {
		l.answer(number, func(w *writer) {
			w.u8(more)
			w.u16(count)
			w.b = append(w.b, items...)
		}, nil)
	}
	items, count := &writer{}, 0
	for _, r := range s.procs {
		one := &writer{}
		p := r.process()
		writeProcess(one, &p)
		if len(items.b)+len(one.b) > maxMessage-64 {
			flush(1, count, items.b)
			items, count = &writer{}, 0
		}
		items.b = append(items.b, one.b...)
		count++
	}
	flush(0, count, items.b)
}

func (s *server) adopt(l *link, number uint32, r *record) error {
	names, fds, err := r.release(s.drain)
	if err != nil {
		return err
	}
	s.mu.Lock()
	p := r.process()
	s.mu.Unlock()
	l.answer(number, func(w *writer) {
		writeProcess(w, &p)
		w.strs(names)
	}, fds)
	return nil
}

// forget drops a process that has ended, and its files.
func (s *server) forget(r *record) error {
	s.mu.Lock()
	if r.exit == nil {
		s.mu.Unlock()
		return fault.New(fault.Conflict, "process %s still runs", r.id)
	}
	delete(s.procs, r.id)
	s.mu.Unlock()
	r.drop(s.drain)
	for _, path := range []string{r.exitPath, r.spoolPath} {
		if path != "" {
			os.Remove(path)
		}
	}
	s.nudge()
	return nil
}

// start checks a request; the work is to run it. It owns fds.
func (s *server) start(l *link, number uint32, body *reader, fds []int) (work func(), err error) {
	b, err := readStart(body)
	switch {
	case err != nil:
	case b.id == "":
		err = fault.New(fault.Invalid, "a start needs an id")
	case len(fds) != 1+b.programFds+len(b.held):
		err = fault.New(fault.Invalid, "a start with %d descriptors of the program and %d held ones came with %d", b.programFds, len(b.held), len(fds)-min(len(fds), 1))
	default:
		err = s.reserve(b.id)
	}
	if err != nil {
		closeAll(fds)
		return nil, err
	}
	return func() { s.run(l, number, b, fds) }, nil
}

func (s *server) reserve(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.leaving {
		return errLeaving()
	}
	_, underWay := s.starting[id]
	if underWay || s.procs[id] != nil {
		return fault.New(fault.Conflict, "the keeper already has a process %s", id)
	}
	s.starting[id] = struct{}{}
	return nil
}

// run starts a program and registers its process. It owns fds.
func (s *server) run(l *link, number uint32, b *startBody, fds []int) {
	defer s.slots.take()()
	if b.pidfile != "" {
		defer s.delegation()()
	}
	own, held := fds[:1+b.programFds], fds[1+b.programFds:]
	defer closeAll(own)
	code, err := readProgram(own[0])
	r := &record{id: b.id, container: b.container, spoolPath: b.spool, exitPath: b.exitFile, pidfd: -1, mounts: -1}
	if err == nil {
		switch {
		case b.sandbox != "":
			err = r.resume(s, b.sandbox, code, own[1:])
		case b.pidfile != "":
			err = r.delegate(s, b.pidfile, code, own[1:])
		default:
			err = r.launch(s, code, own[1:])
		}
		_ = unix.Munmap(code) // ours alone, and nobody looks at it any more
	}
	if err != nil {
		closeAll(held)
		s.abandon(r, b.id)
		l.fail(number, err)
		return
	}
	r.hold(b.held, held)
	s.register(l, number, r)
}

// launch runs the program; r.pid is set when there was a child, even a failed one.
func (r *record) launch(s *server, code []byte, fds []int) error {
	child, err := s.executor.Start(code, fds)
	r.pid = child.Pid
	if err != nil {
		if child.PidFd > 2 {
			unix.Close(child.PidFd)
		}
		return failed(err)
	}
	r.launched(child.PidFd)
	return nil
}

// failed is why a program could not be started.
func failed(err error) error {
	var failure *program.Failure
	if errors.As(err, &failure) {
		return err
	}
	return fault.Wrap(fault.Internal, err, "the program cannot be run")
}

// launched notes that the program runs. It owns pidfd.
func (r *record) launched(pidfd int) {
	r.pidfd, r.started = pidfd, time.Now()
	if r.id == r.container {
		r.holdMounts()
	}
}

// hold takes the held ends over and makes the streams non-blocking.
func (r *record) hold(names []string, fds []int) {
	r.ends = make([]*end, len(fds))
	for i, fd := range fds {
		e := newEnd(r, names[i], fd)
		if e.stream != 0 || e.name == StreamStdin {
			_ = unix.SetNonblock(fd, true) // fails for no open descriptor
		}
		r.ends[i] = e
	}
}

// register makes the process known and answers, in one critical section: its
// exit cannot be told before its start.
func (s *server) register(l *link, number uint32, r *record) {
	pidfds, err := duplicate([]int{r.pidfd})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.procs[r.id] = r
	if err != nil {
		l.fail(number, err) // it runs, and the daemon finds it in the list
	} else {
		l.answer(number, func(w *writer) {
			w.u32(uint32(r.pid))
			w.i64(r.started.UnixNano())
		}, pidfds)
	}
	s.claim(r)
	s.started(r.id)
	r.mu.Lock()
	r.adopted = s.link == l
	r.rearm(s.drain) // the daemon may have died meanwhile
	r.mu.Unlock()
}

// started ends a start. The caller holds mu.
func (s *server) started(id string) {
	delete(s.starting, id)
	if len(s.starting) == 0 {
		clear(s.strays)
	}
	s.nudge()
}

// abandonPatience bounds the wait for the child of a failed start.
const abandonPatience = 5 * time.Second

// abandon ends a failed start when its child is reaped: what the daemon clears
// away afterwards, the cgroup above all, is then free.
func (s *server) abandon(r *record, id string) {
	s.mu.Lock()
	if r.pid > 0 {
		r.gone = make(chan struct{})
		s.claim(r)
	}
	s.started(id)
	s.mu.Unlock()
	if r.pid > 0 {
		select {
		case <-r.gone:
		case <-time.After(abandonPatience):
			s.mu.Lock()
			if s.pids[r.pid] == r {
				delete(s.pids, r.pid)
			}
			s.mu.Unlock()
		}
	}
}

// readProgram copies a program out of its memfd, to memory outside the heap
// that the caller unmaps: a hundred kilobytes a start would make the keeper's
// small heap large.
func readProgram(fd int) ([]byte, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "the program cannot be read")
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || st.Size == 0 || st.Size > maxProgram {
		return nil, fault.New(fault.Invalid, "the first descriptor of a start must be a file of 1 to %d bytes", maxProgram)
	}
	code, err := unix.Mmap(-1, 0, int(st.Size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "there is no memory for the program")
	}
	for done := 0; done < len(code); {
		n, err := unix.Pread(fd, code[done:], int64(done))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n == 0 {
			_ = unix.Munmap(code)
			return nil, fault.New(fault.Invalid, "the program ends after %d of %d bytes", done, len(code))
		}
		done += n
	}
	return code, nil
}

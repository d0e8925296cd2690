//go:build linux

package keeper

import (
	"errors"
	"maps"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/launch"
	"berth/internal/program"
)

// A sandbox is a child that has run a first program and waits for the second. It is
// no process of a container: nobody adopts it, it has no exit, and it goes when
// its daemon does, who alone knows what it was made for.
type sandbox struct {
	record *record // what reap knows; its channel "gone" is closed at the end
	parked launch.Parked
}

// sandboxes are those of one keeper. Its fields are under the server's mu.
type sandboxes struct {
	*server
	list   map[string]*sandbox
	making int
}

const (
	maxSandboxes   = 32  // a daemon that wants more is broken
	maxSandboxName = 256 // so that the list of all of them fits into a message
)

// park checks a request; the work is to run it. It owns fds.
func (s *sandboxes) park(l *link, number uint32, body *reader, fds []int) (work func(), err error) {
	b, err := readPark(body)
	_, can := s.executor.(launch.Parker)
	switch {
	case err != nil:
	case b.id == "" || len(b.id) > maxSandboxName:
		err = fault.New(fault.Invalid, "a sandbox needs an id of 1 to %d bytes", maxSandboxName)
	case len(fds) != 1+b.programFds:
		err = fault.New(fault.Invalid, "a sandbox with %d descriptors came with %d", b.programFds, len(fds)-min(len(fds), 1))
	case !can:
		err = fault.New(fault.Unsupported, "the keeper's executor cannot park a process")
	default:
		err = s.reserveName(b.id)
	}
	if err != nil {
		closeAll(fds)
		return nil, err
	}
	return func() { s.make(l, number, b, fds) }, nil
}

// underWay is the name under which the making of a sandbox counts as a start: its
// child, too, can end before it is known.
func underWay(sandbox string) string { return "sandbox\x00" + sandbox }

func (s *sandboxes) reserveName(id string) error {
	s.mu.Lock()
	taken, many := s.list[id] != nil, len(s.list)+s.making >= maxSandboxes
	if !taken && !many {
		s.making++
	}
	s.mu.Unlock()
	switch {
	case taken:
		return fault.New(fault.Conflict, "the keeper already has a sandbox %s", id)
	case many:
		return fault.New(fault.Unavailable, "the keeper holds %d sandboxes and takes no more", maxSandboxes)
	}
	err := s.reserve(underWay(id))
	if err != nil {
		s.mu.Lock()
		s.making--
		s.mu.Unlock()
	}
	return err
}

// make makes a sandbox. It owns fds.
func (s *sandboxes) make(l *link, number uint32, b *parkBody, fds []int) {
	defer s.slots.take()()
	defer closeAll(fds)
	box := &sandbox{record: &record{id: b.id, pidfd: -1, mounts: -1}}
	code, err := readProgram(fds[0])
	if err == nil {
		var child launch.Child
		box.parked, child, err = s.executor.(launch.Parker).Park(code, fds[1:])
		_ = unix.Munmap(code)
		box.record.pid, box.record.pidfd = child.Pid, child.PidFd
	}
	if err != nil {
		s.mu.Lock()
		s.making--
		s.mu.Unlock()
		s.abandon(box.record, underWay(b.id))
		var failure *program.Failure
		if !errors.As(err, &failure) {
			err = fault.Wrap(fault.KindOf(err), err, "the sandbox cannot be made")
		}
		l.fail(number, err)
		return
	}
	s.keep(l, number, box)
}

// keep makes a sandbox known and answers, unless its daemon is gone.
func (s *sandboxes) keep(l *link, number uint32, box *sandbox) {
	r := box.record
	pidfds, err := duplicate([]int{r.pidfd})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.making--
	r.gone = make(chan struct{})
	s.list[r.id] = box
	s.claim(r)
	s.started(underWay(r.id))
	if err != nil || s.link != l {
		closeAll(pidfds)
		s.drop(box)
		l.fail(number, fault.New(fault.Unavailable, "the sandbox %s is not kept", r.id))
		return
	}
	l.answer(number, func(w *writer) { w.u32(uint32(r.pid)) }, pidfds)
}

// drop ends a sandbox; reap tells when it is gone. The caller holds mu.
func (s *sandboxes) drop(box *sandbox) {
	if s.list[box.record.id] != box {
		return // it has ended, or has become a container
	}
	delete(s.list, box.record.id)
	box.parked.Discard()
	go func() {
		<-box.record.gone
		unix.Close(box.record.pidfd)
	}()
}

// ended clears a sandbox away that has been reaped. The caller holds mu.
func (s *sandboxes) ended(r *record) {
	if box := s.list[r.id]; box != nil && box.record == r {
		s.drop(box)
	}
}

// dropAll ends all sandboxes.
// The function that it returns waits until they are gone.
func (s *sandboxes) dropAll() (gone func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.Collect(maps.Values(s.list))
	for _, box := range all {
		s.drop(box)
	}
	return func() {
		late := time.After(abandonPatience)
		for _, box := range all {
			select {
			case <-box.record.gone:
			case <-late:
				return
			}
		}
	}
}

// discard ends a sandbox and answers when it is gone: its daemon removes the cgroup next.
func (s *sandboxes) discard(l *link, number uint32, id string) error {
	s.mu.Lock()
	box := s.list[id]
	if box != nil {
		s.drop(box)
	}
	s.mu.Unlock()
	if box == nil {
		return errNoSandbox(id)
	}
	go func() {
		select {
		case <-box.record.gone:
			l.answer(number, nil, nil)
		case <-time.After(abandonPatience):
			l.fail(number, fault.New(fault.Unavailable, "the sandbox %s does not end", id))
		}
	}()
	return nil
}

func errNoSandbox(id string) error {
	return fault.New(fault.NotFound, "the keeper has no sandbox %s", id)
}

// resume makes a sandbox the process of r; r.pid is set when there was one. From here
// on it is a start like another: reap finds no record until register brings r's.
func (r *record) resume(s *server, sandbox string, code []byte, fds []int) error {
	s.mu.Lock()
	box := s.sandboxes.list[sandbox]
	if box == nil {
		s.mu.Unlock()
		return errNoSandbox(sandbox)
	}
	delete(s.sandboxes.list, sandbox)
	delete(s.pids, box.record.pid)
	s.mu.Unlock()
	r.pid = box.record.pid
	err := box.parked.Resume(code, fds)
	if err != nil {
		unix.Close(box.record.pidfd)
		return failed(err)
	}
	r.launched(box.record.pidfd)
	return nil
}

// ids answers which sandboxes there are.
func (s *sandboxes) ids(l *link, number uint32) {
	s.mu.Lock()
	ids := slices.Sorted(maps.Keys(s.list))
	s.mu.Unlock()
	l.answer(number, func(w *writer) { w.strs(ids) }, nil)
}

// leave decides to leave when nothing but sandboxes is kept, and ends them.
func (s *sandboxes) leave() bool {
	s.mu.Lock()
	only := len(s.pids) == len(s.list)
	s.mu.Unlock()
	if !only {
		return false
	}
	s.dropAll()
	for range 200 {
		s.reap()
		if s.server.leave(true) {
			return true
		}
		time.Sleep(abandonPatience / 1000)
	}
	return false
}

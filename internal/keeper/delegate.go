//go:build linux

package keeper

import (
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// delegatePatience bounds another runtime's `create`.
const delegatePatience = time.Minute

// delegate lets another OCI runtime make the process: it runs the runtime to
// its end and takes over the process that it left behind. A runtime's child
// is given to the keeper, the sub-reaper, when the runtime ends. r.pid
// is set when there is such a process.
func (r *record) delegate(s *server, pidfile string, code []byte, fds []int) error {
	child, err := s.executor.Start(code, fds)
	if err != nil {
		r.pid = child.Pid
		return failed(err)
	}
	runtime := &record{id: r.id, pid: child.Pid, pidfd: child.PidFd, mounts: -1, gone: make(chan struct{})}
	defer unix.Close(child.PidFd)
	s.mu.Lock()
	s.claim(runtime)
	s.mu.Unlock()
	select {
	case <-runtime.gone:
	case <-time.After(delegatePatience):
		_ = unix.Kill(-child.Pid, unix.SIGKILL)                     // its session, if it has one: it is not reaped yet
		_ = unix.PidfdSendSignal(child.PidFd, unix.SIGKILL, nil, 0) // it may end just now
		<-runtime.gone
	}
	if !runtime.status.Exited() || runtime.status.ExitStatus() != 0 {
		if pidfd, _, err := adoptable(s, pidfile); err == nil { // what it has made is nobody's
			_ = unix.PidfdSendSignal(pidfd, unix.SIGKILL, nil, 0)
			unix.Close(pidfd)
		}
		return fault.New(fault.Internal, "the runtime ended with %s", describe(runtime.status))
	}
	pidfd, pid, err := adoptable(s, pidfile)
	if err != nil {
		return err
	}
	r.pid = pid
	r.launched(pidfd)
	return nil
}

// delegation lets nobody but the named be reaped until the function that it
// returns is called.
func (s *server) delegation() func() {
	s.mu.Lock()
	s.delegating++
	s.mu.Unlock()
	return func() {
		s.mu.Lock()
		s.delegating--
		s.mu.Unlock()
		s.reap() // whoever has waited meanwhile
	}
}

func describe(status unix.WaitStatus) string {
	if status.Signaled() {
		return "signal " + strconv.Itoa(int(status.Signal()))
	}
	return "status " + strconv.Itoa(status.ExitStatus())
}

// adoptable opens the process that a runtime names in its pid file. It must be
// a child of ours, be it dead, that nobody else has.
func adoptable(s *server, pidfile string) (pidfd, pid int, err error) {
	text, err := os.ReadFile(pidfile)
	if err != nil {
		return -1, 0, fault.Wrap(fault.Internal, err, "the runtime left no process ID")
	}
	pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid <= 1 {
		return -1, 0, fault.New(fault.Internal, "the runtime left %.20q instead of a process ID", text)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pids[pid] != nil {
		return -1, 0, fault.New(fault.Internal, "the runtime names process %d, which is another's", pid)
	}
	pidfd, err = unix.PidfdOpen(pid, 0)
	if err == nil && !reaped(pidfd) {
		return pidfd, pid, nil
	}
	if err == nil {
		unix.Close(pidfd)
	}
	return -1, 0, fault.New(fault.Internal, "the runtime names process %d, which is no child of the keeper", pid)
}

// hold adds a descriptor to those that are kept for a process's life. It owns fds.
func hold(s *server, body *reader, fds []int) error {
	id, name := body.str(), body.str()
	err := body.done()
	if err == nil && len(fds) != 1 {
		err = fault.New(fault.Invalid, "one descriptor is held at a time, not %d", len(fds))
	}
	s.mu.Lock()
	r := s.procs[id]
	s.mu.Unlock()
	if err == nil && r == nil {
		err = fault.New(fault.NotFound, "the keeper has no process %s", id)
	}
	if err != nil {
		closeAll(fds)
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		closeAll(fds)
		return fault.New(fault.NotFound, "the keeper has no process %s", id)
	}
	e := newEnd(r, name, fds[0])
	if e.stream != 0 {
		_ = unix.SetNonblock(fds[0], true) // fails for no open descriptor
	}
	r.ends = append(r.ends, e)
	r.rearm(s.drain) // the daemon may have died meanwhile
	return nil
}

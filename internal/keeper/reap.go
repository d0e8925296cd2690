//go:build linux

package keeper

import (
	"errors"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Every child ends in reap: nothing else in the keeper waits. A child can end
// before its start has returned, so while starts are under way the statuses of
// unknown children are kept as strays, and claim looks there.

// ended is how and when a child was reaped.
type ended struct {
	status unix.WaitStatus
	at     time.Time
}

// reap takes every dead child. What is not ours by name is an orphan that the
// kernel gave to the sub-reaper, and goes silently.
func (s *server) reap() {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.nudge()
	if s.delegating > 0 {
		s.reapKnown()
		return
	}
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WNOHANG|unix.WALL, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || pid <= 0 {
			break
		}
		if !status.Exited() && !status.Signaled() {
			continue
		}
		e := ended{status, time.Now()}
		if r := s.pids[pid]; r != nil {
			s.finish(r, e)
		} else if len(s.starting) > 0 {
			s.strays[pid] = e
		}
	}
}

// reapKnown takes the dead children that have a name, and leaves the others as
// they are: one may be what a runtime is about to name. The caller holds mu.
func (s *server) reapKnown() {
	for pid, r := range s.pids {
		var status unix.WaitStatus
		if got, err := unix.Wait4(pid, &status, unix.WNOHANG|unix.WALL, nil); err == nil && got == pid {
			s.finish(r, ended{status, time.Now()})
		}
	}
}

// claim makes r the owner of its pid, which may be dead and reaped already.
// The caller holds mu.
func (s *server) claim(r *record) {
	stray, ok := s.strays[r.pid]
	delete(s.strays, r.pid)
	s.pids[r.pid] = r
	switch {
	case ok && reaped(r.pidfd):
		s.finish(r, stray)
	case s.delegating > 0:
		s.reapKnown() // it may have died while it had no name
	}
}

// reaped reports whether the child behind pidfd has been waited for. A stray
// with the pid of a child that has not is an older process's.
func reaped(pidfd int) bool {
	if pidfd < 0 {
		return true // a failed start has no pidfd left; its record ends either way
	}
	for {
		err := unix.Waitid(unix.P_PIDFD, pidfd, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT|unix.WALL, nil)
		if !errors.Is(err, unix.EINTR) {
			return errors.Is(err, unix.ECHILD)
		}
	}
}

// finish records the end of r: first on disk, so that neither a dead daemon
// nor a dead keeper loses the exit, then as an event. The caller holds mu.
func (s *server) finish(r *record, e ended) {
	delete(s.pids, r.pid)
	r.letMountsGo()
	if r.gone != nil {
		r.status = e.status
		close(r.gone)
		s.sandboxes.ended(r)
		return
	}
	exit := &Exit{Code: e.status.ExitStatus(), Time: e.at}
	if exit.Time.Before(r.started) { // it was reaped before its start had been noted
		exit.Time = r.started
	}
	if e.status.Signaled() {
		exit.Signal = int(e.status.Signal())
		exit.Code = 128 + exit.Signal
	}
	if err := writeExitFile(r.exitPath, exit); err != nil {
		s.log("cannot record the exit of " + r.id + " (" + strconv.Itoa(exit.Code) + "): " + err.Error())
	}
	r.exit = exit
	if s.link != nil {
		w := newWriter(eventExit, 0)
		w.str(r.id)
		writeExit(w, exit)
		s.link.enqueue(outgoing{packet: w.b})
	}
}

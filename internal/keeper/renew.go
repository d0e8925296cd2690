//go:build linux

package keeper

import (
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// A keeper renews itself by executing another binary in its own place: it stays the
// parent of all its processes, and what it knows and holds goes over in a file (see
// state) and in descriptors that are left open. Nothing is lost on the way. Children that end wait to be
// reaped, output waits in its pipes, and requests of the daemon wait in their socket.

// RenewFlag is the command line's flag, with the number of the state's descriptor, with which
// a keeper is executed that takes over.
const RenewFlag = "--renewed"

// Restores reports whether this build can take over from a keeper whose own protocol
// version is that: until it has been asked, nobody should be told to execute it.
func Restores(version int) bool { return version >= 3 && version <= Version }

// renewal is what a keeper can do to become another.
type renewal struct{ *server }

// renewPatience bounds the wait for what is under way.
const renewPatience = 10 * time.Second

// renew executes the binary in the directory that came along. It runs on the goroutine
// that hears the daemon, so no request comes between. When it returns, it has failed.
func (s renewal) renew(l *link, number uint32, body *reader, fds []int) error {
	defer closeAll(fds)
	name := body.str()
	if err := body.done(); err != nil {
		return err
	}
	if len(fds) != 1 || len(s.again) == 0 {
		return fault.New(fault.Invalid, "a renewal needs the directory of the binary, and a keeper that knows how it was begun")
	}
	if !s.idle() {
		return fault.New(fault.Unavailable, "the keeper is not renewed while starts are under way")
	}
	s.sandboxes.dropAll()() // they are the daemon's to make again
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.procs {
		r.mu.Lock()
		defer r.mu.Unlock()
	}
	if !l.hush() {
		return fault.New(fault.Unavailable, "the daemon does not take the keeper's answers")
	}
	defer l.mu.Unlock()
	state, inherited := s.state(l, number)
	return s.become("/proc/self/fd/"+strconv.Itoa(fds[0])+"/"+name, state, inherited)
}

// idle waits until no request is being worked on.
func (s renewal) idle() bool {
	for end := time.Now().Add(renewPatience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		s.mu.Lock()
		none := s.working == 0
		s.mu.Unlock()
		if none {
			return true
		}
	}
	return false
}

// hush waits until all that was to be sent has been, and keeps l.mu: nothing more is.
func (l *link) hush() bool {
	for end := time.Now().Add(renewPatience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		l.mu.Lock()
		if len(l.queue) == 0 && !l.sending {
			return true
		}
		l.mu.Unlock()
	}
	return false
}

// become executes path with the inherited descriptors left open.
func (s renewal) become(path string, state []byte, inherited []int) error {
	file, err := memfd(state)
	if err != nil {
		return err
	}
	defer unix.Close(file)
	inherited = append(inherited, file)
	args := append([]string{s.again[0]}, withoutFlag(s.again[1:], RenewFlag)...)
	args = append(args, RenewFlag, strconv.Itoa(file))
	s.leaveOpen(inherited, 0)
	err = syscall.Exec(path, args, os.Environ())
	s.leaveOpen(inherited, unix.FD_CLOEXEC)
	return fault.Wrap(fault.Internal, err, "the keeper cannot be renewed")
}

// leaveOpen sets whether descriptors are closed by execve. Between the two calls
// nobody forks: no start is under way.
func (s renewal) leaveOpen(fds []int, flag int) {
	for _, fd := range fds {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, flag); err != nil {
			s.log("a descriptor cannot be handed on: " + err.Error())
		}
	}
}

// withoutFlag takes a flag and its value out of a command line.
func withoutFlag(args []string, flag string) []string {
	var rest []string
	for i := 0; i < len(args); i++ {
		if args[i] == flag {
			i++
			continue
		}
		rest = append(rest, args[i])
	}
	return rest
}

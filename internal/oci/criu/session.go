//go:build linux

package criu

import (
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// Session is a criu that waits for its request.
type Session struct {
	program string
	cmd     *exec.Cmd
	socket  *os.File
}

// Find is where the program is.
func Find() (string, error) {
	path, err := exec.LookPath("criu")
	if err != nil {
		return "", fault.New(fault.Unsupported, "checkpoint and restore need the program criu, which is not in $PATH (Debian: apt-get install criu)")
	}
	return path, nil
}

// FirstFd is the number that the first of a session's files has in criu's process.
const FirstFd = 4

// Start starts criu with our standard streams if it is to pass them on, and files.
// It is in the mount namespace of the calling thread.
func Start(program string, streams bool, files []*os.File) (*Session, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "The socket of criu cannot be made")
	}
	theirs := os.NewFile(uintptr(pair[1]), "criu")
	defer theirs.Close() // when criu is gone, nobody has the other end
	s := &Session{program: program, socket: os.NewFile(uintptr(pair[0]), "criu"), cmd: exec.Command(program, "swrk", "3")}
	s.cmd.ExtraFiles = append([]*os.File{theirs}, files...)
	if streams {
		s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	}
	if err := s.cmd.Start(); err != nil {
		s.socket.Close()
		return nil, fault.Wrap(fault.Internal, err, "criu cannot be started")
	}
	return s, nil
}

// Pid is criu's own process.
func (s *Session) Pid() int { return s.cmd.Process.Pid }

// End ends criu if it has not ended yet.
func (s *Session) End() {
	s.socket.Close() // what it was doing it undoes
	_ = s.cmd.Wait() // it has told already how it went
}

// Ask makes a request, and obeys what criu waits for on the way. The answer is
// the first process that was restored.
func (s *Session) Ask(r *Request, obey func(Event) error) (pid int, err error) {
	if err := s.send(r.Encode()); err != nil {
		return 0, err
	}
	for {
		a, err := s.next()
		if err != nil {
			return 0, err
		}
		if a.kind != notify {
			return a.pid, a.failure()
		}
		obeyed := obey(a.event)
		if a.event.File != nil {
			a.event.File.Close()
		}
		var m message
		m.always(1, uint64(notify))
		m.always(3, 0)
		if obeyed == nil {
			m.data[len(m.data)-1] = 1
		}
		if err := s.send(m.data); err != nil {
			return 0, err
		}
		if obeyed != nil {
			_, _ = s.next() // criu undoes everything before it answers
			return 0, obeyed
		}
	}
}

// failure leaves out criu's own reason: it is the first error of the log, which as often
// as not tells of something that criu can do without.
func (a *answer) failure() error {
	switch {
	case a.success:
		return nil
	case a.errno != 0:
		return fault.New(fault.Internal, "criu failed: %s", unix.Errno(a.errno).Error())
	}
	return fault.New(fault.Internal, "criu failed")
}

func (s *Session) send(data []byte) error {
	err := unix.Sendto(int(s.socket.Fd()), data, unix.MSG_NOSIGNAL, nil)
	if err == unix.EPIPE || err == unix.ECONNRESET {
		return s.gone()
	}
	return fault.Wrap(fault.Internal, err, "criu cannot be asked")
}

func (s *Session) next() (answer, error) {
	packet, control := make([]byte, 64<<10), make([]byte, unix.CmsgSpace(4*4))
	for {
		n, oobn, _, _, err := unix.Recvmsg(int(s.socket.Fd()), packet, control, unix.MSG_CMSG_CLOEXEC)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.ECONNRESET || err == nil && n == 0:
			return answer{}, s.gone()
		case err != nil:
			return answer{}, fault.Wrap(fault.Internal, err, "criu cannot be heard")
		}
		a, ok := decode(packet[:n])
		a.event.File = received(control[:oobn])
		if !ok {
			return a, fault.New(fault.Internal, "criu cannot be understood.")
		}
		return a, nil
	}
}

// received is the descriptor that came with an answer.
func received(control []byte) (f *os.File) {
	messages, _ := unix.ParseSocketControlMessage(control) // without one there is no file
	for _, m := range messages {
		fds, _ := unix.ParseUnixRights(&m)
		for _, fd := range fds {
			if f != nil {
				f.Close()
			}
			f = os.NewFile(uintptr(fd), "criu's")
		}
	}
	return f
}

// gone finds out why criu has ended without an answer: most often because it
// does not know the kernel, which its own check tells.
func (s *Session) gone() error {
	out, err := exec.Command(s.program, "check").CombinedOutput()
	if lines := Errors(string(out)); err != nil && len(lines) > 0 {
		return fault.New(fault.Unsupported, "criu does not work on this machine: %s", strings.Join(lines, "; "))
	}
	return fault.New(fault.Internal, "criu ended without an answer")
}

//go:build linux

// Package pidfd is what can be done with a process by a descriptor of it: no
// other process is ever meant, however often its ID is used again (pidfd_open(2)).
package pidfd

import (
	"os"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// Ended reports that the process behind a pidfd has ended.
func Ended(pidfd *os.File) bool {
	conn, err := pidfd.SyscallConn()
	if err != nil {
		return true
	}
	ended := false
	cerr := conn.Control(func(fd uintptr) { ended = readable(int(fd)) })
	return cerr != nil || ended
}

// readable reports without waiting that a descriptor can be read, which a pidfd
// can from the end of its process on (pidfd_open(2)).
func readable(fd int) bool {
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		if err != unix.EINTR {
			return n > 0
		}
	}
}

// Send sends a signal to the process behind a pidfd. ESRCH also when the
// run has ended and its pidfd is closed already.
func Send(pidfd *os.File, sig unix.Signal) error {
	conn, err := pidfd.SyscallConn()
	if err != nil {
		return unix.ESRCH
	}
	var serr error
	if conn.Control(func(fd uintptr) { serr = unix.PidfdSendSignal(int(fd), sig, nil, 0) }) != nil {
		return unix.ESRCH
	}
	return fault.Wrap(fault.Internal, serr, "the signal cannot be sent")
}

// SendGroup sends a signal to the process group that the process behind a pidfd
// leads, or to the process alone where the kernel cannot (before 6.9). Errors are Send's.
func SendGroup(pidfd *os.File, sig unix.Signal) error {
	conn, err := pidfd.SyscallConn()
	if err != nil {
		return unix.ESRCH
	}
	var serr error
	cerr := conn.Control(func(fd uintptr) { serr = unix.PidfdSendSignal(int(fd), sig, nil, unix.PIDFD_SIGNAL_PROCESS_GROUP) })
	if cerr == nil && serr == nil {
		return nil
	}
	return Send(pidfd, sig)
}

// Watch calls ended when the process has ended, with its exit code if the
// kernel tells it. It has a descriptor of its own; of a process that is known to have
// ended (a closed pidfd) nothing is told.
func Watch(pidfd *os.File, ended func(code int, known bool)) {
	own := duplicate(pidfd)
	if own == nil {
		return
	}
	go func() {
		defer own.Close()
		ended(await(own))
	}()
}

// duplicate makes a copy of a pidfd that Go's poller waits for.
func duplicate(pidfd *os.File) *os.File {
	conn, err := pidfd.SyscallConn()
	if err != nil {
		return nil
	}
	own := -1
	cerr := conn.Control(func(fd uintptr) { own, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 3) })
	if cerr != nil || err != nil || unix.SetNonblock(own, true) != nil {
		return nil
	}
	return os.NewFile(uintptr(own), "pidfd")
}

const (
	reapTries = 200                  // how often the kernel is asked for an exit code,
	reapPause = 5 * time.Millisecond // and how long between: until init has reaped
)

// await waits for the process behind a pidfd to end.
func await(pidfd *os.File) (code int, known bool) {
	conn, err := pidfd.SyscallConn()
	if err != nil {
		return 0, false
	}
	if conn.Read(func(fd uintptr) bool { return readable(int(fd)) }) != nil {
		return 0, false
	}
	for range reapTries {
		cerr := conn.Control(func(fd uintptr) { code, known = exitInfo(int(fd)) })
		if known || cerr != nil {
			break
		}
		time.Sleep(reapPause)
	}
	return code, known
}

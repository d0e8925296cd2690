//go:build linux

package life

import (
	"os"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/linux/console"
	"berth/internal/runtime"
)

// checkTerminal refuses a terminal that nobody could have the other end of,
// in runc's words.
func checkTerminal(p *specs.Process, detach bool, socket string) error {
	switch {
	case socket != "" && !(p.Terminal && detach):
		return fault.New(fault.Invalid, "cannot use console socket if runc will not detach or allocate tty")
	case p.Terminal && detach && socket == "":
		return fault.New(fault.Invalid, "cannot allocate tty if runc will detach without setting console socket")
	}
	return nil
}

// openStreams gives the process the caller's own streams, or a terminal.
func (j *job) openStreams() error {
	if !j.spec.Process.Terminal {
		return j.cargo.streams(j.spec.Process.User.UID)
	}
	master, devpts, slave, err := console.New()
	if err != nil {
		return err
	}
	j.cargo.give(runtime.FdPty, slave)
	j.cargo.give(runtime.FdDevpts, devpts)
	j.master = master
	j.onFailure(func() { master.Close() })
	return setUp(master, slave, j.spec.Process)
}

// setUp makes a terminal what its process expects.
func setUp(master, slave *os.File, p *specs.Process) error {
	if err := unix.Fchown(int(slave.Fd()), int(p.User.UID), -1); err != nil {
		return fault.Wrap(fault.Internal, err, "The terminal cannot be given to the user")
	}
	if s := p.ConsoleSize; s != nil {
		return console.SetSize(master, uint16(s.Height), uint16(s.Width))
	}
	return nil
}

// own gives a stream to the user, who may want to open /dev/stdout again.
// /dev/null is everybody's; what cannot be given (a socket, a file of a file
// system that does not do it) stays as it is.
func own(fd int, uid uint32) error {
	var st, null unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fault.Wrap(fault.Internal, err, "The standard streams cannot be looked at")
	}
	if st.Uid == uid || unix.Stat("/dev/null", &null) == nil && st.Rdev == null.Rdev {
		return nil
	}
	switch err := unix.Fchown(fd, int(uid), -1); err {
	case nil, unix.EINVAL, unix.EPERM, unix.EROFS:
		return nil
	default:
		return fault.Wrap(fault.Internal, err, "The standard streams cannot be given to the user")
	}
}

// sendFile hands a descriptor to whoever listens at a socket, with its name.
func sendFile(path, name string, f *os.File) error { return sendFd(path, name, int(f.Fd())) }

func sendFd(path, name string, what int) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		defer unix.Close(fd)
		err = unix.Connect(fd, &unix.SockaddrUnix{Name: path})
	}
	if err == nil {
		err = unix.Sendmsg(fd, []byte(name), unix.UnixRights(what), nil, 0)
	}
	return fault.Wrap(fault.Invalid, err, "%s cannot be sent to the socket %s", name, path)
}

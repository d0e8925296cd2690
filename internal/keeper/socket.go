//go:build linux

package keeper

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// socketName is the keeper's socket under the exec root.
const socketName = "keeper.sock"

// socket is a connected SOCK_SEQPACKET socket on Go's poller. Package net
// would do the same for a megabyte more.
type socket struct {
	f       *os.File
	raw     syscall.RawConn
	in      []byte // receive buffers, used by one goroutine
	control []byte
	sending sync.Mutex
}

// newSocket takes fd over.
func newSocket(fd int) (*socket, error) {
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "keeper socket")
	raw, err := f.SyscallConn()
	if err != nil {
		f.Close()
		return nil, err
	}
	return &socket{f: f, raw: raw, in: make([]byte, maxMessage), control: make([]byte, unix.CmsgSpace(maxFds*4))}, nil
}

func (s *socket) close() { s.f.Close() }

// receive returns the next packet, valid until the next call, and the
// descriptors that came with it, which are the caller's. io.EOF means that the
// other side is gone. Packets that lost something on the way have lost true;
// their descriptors are closed.
func (s *socket) receive() (packet []byte, fds []int, lost bool, err error) {
	var n, controlled, flags int
	var failed error
	err = s.raw.Read(func(fd uintptr) bool {
		for {
			n, controlled, flags, _, failed = unix.Recvmsg(int(fd), s.in, s.control, unix.MSG_CMSG_CLOEXEC|unix.MSG_DONTWAIT)
			if !errors.Is(failed, unix.EINTR) {
				return !errors.Is(failed, unix.EAGAIN)
			}
		}
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		return nil, nil, false, err
	}
	fds = parseRights(s.control[:controlled])
	if n == 0 {
		closeAll(fds)
		return nil, nil, false, io.EOF
	}
	if flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0 {
		closeAll(fds)
		return s.in[:n], nil, true, nil
	}
	return s.in[:n], fds, false, nil
}

// send writes one packet with descriptors, which stay the caller's.
func (s *socket) send(packet []byte, fds []int) error {
	var control []byte
	if len(fds) > 0 {
		control = unix.UnixRights(fds...)
	}
	s.sending.Lock()
	defer s.sending.Unlock()
	var failed error
	err := s.raw.Write(func(fd uintptr) bool {
		for {
			failed = unix.Sendmsg(int(fd), packet, control, nil, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT)
			if !errors.Is(failed, unix.EINTR) {
				return !errors.Is(failed, unix.EAGAIN)
			}
		}
	})
	if err == nil {
		err = failed
	}
	return err
}

// hungUp reports whether the other side has closed, without reading.
func (s *socket) hungUp() bool {
	gone := true
	err := s.raw.Control(func(fd uintptr) {
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
		_, _ = unix.Poll(p, 0)
		gone = p[0].Revents&(unix.POLLRDHUP|unix.POLLHUP|unix.POLLERR) != 0
	})
	return gone || err != nil
}

// peerUID is the user on the other side, as the kernel noted it at connect.
func (s *socket) peerUID() (uid int, err error) {
	uid = -1
	var cred *unix.Ucred
	var failed error
	err = s.raw.Control(func(fd uintptr) {
		cred, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err == nil {
		err = failed
	}
	if err == nil {
		uid = int(cred.Uid)
	}
	return uid, err
}

func parseRights(control []byte) []int {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return nil
	}
	var fds []int
	for i := range messages {
		if more, err := unix.ParseUnixRights(&messages[i]); err == nil {
			fds = append(fds, more...)
		}
	}
	return fds
}

func closeAll(fds []int) {
	for _, fd := range fds {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

func seqpacket() (int, error) {
	return unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
}

// withSocketAddress calls fn with an address of <root>/keeper.sock. A path too
// long for sockaddr_un (108 bytes, unix(7)) is reached through its directory.
func withSocketAddress(root string, fn func(unix.Sockaddr) error) error {
	path := filepath.Join(root, socketName)
	if len(path) < 108 {
		return fn(&unix.SockaddrUnix{Name: path})
	}
	dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	return fn(&unix.SockaddrUnix{Name: "/proc/self/fd/" + strconv.Itoa(dir) + "/" + socketName})
}

// connect reaches a listening keeper; Unavailable when there is none.
func connect(root string) (*socket, error) {
	fd, err := seqpacket()
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "cannot make a socket")
	}
	err = withSocketAddress(root, func(a unix.Sockaddr) error { return unix.Connect(fd, a) })
	if err != nil {
		unix.Close(fd)
		return nil, fault.Wrap(fault.Unavailable, err, "no keeper answers at %s", filepath.Join(root, socketName))
	}
	return newSocket(fd)
}

// listen makes the socket with mode 0600 in place of a stale one.
func listen(root string) (int, error) {
	fd, err := seqpacket()
	if err != nil {
		return -1, err
	}
	os.Remove(filepath.Join(root, socketName))
	old := unix.Umask(0o177) // the mode must be right before anybody can connect
	err = withSocketAddress(root, func(a unix.Sockaddr) error { return unix.Bind(fd, a) })
	unix.Umask(old)
	if err == nil {
		err = unix.Listen(fd, 16)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

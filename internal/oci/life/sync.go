//go:build linux

package life

import (
	"os"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/runtime"
)

// conversation is this end of the socket at which the child asks for what only
// the host can do. Each packet of the child's is a point; it waits for the
// answer, and fails when there is nobody to answer.
type conversation struct {
	ours   *os.File
	theirs *os.File
}

// point is one packet of the child's.
type point struct {
	kind runtime.Sync
	pid  int      // of the child, as it is seen here
	file *os.File // that came with it, or nil
}

func newConversation() (*conversation, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "The socket of the child cannot be made")
	}
	c := &conversation{ours: os.NewFile(uintptr(pair[0]), "sync"), theirs: os.NewFile(uintptr(pair[1]), "sync")}
	if err := unix.SetsockoptInt(pair[0], unix.SOL_SOCKET, unix.SO_PASSCRED, 1); err != nil {
		c.close()
		c.theirs.Close()
		return nil, fault.Wrap(fault.Internal, err, "The socket of the child cannot be made")
	}
	return c, nil
}

// next waits for the child's next point. ok is false when there is no child
// any more that could have one.
func (c *conversation) next() (p point, ok bool, err error) {
	packet := make([]byte, 64)
	control := make([]byte, unix.CmsgSpace(unix.SizeofUcred)+unix.CmsgSpace(4))
	for {
		n, oobn, _, _, err := unix.Recvmsg(int(c.ours.Fd()), packet, control, unix.MSG_CMSG_CLOEXEC)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return p, false, fault.Wrap(fault.Internal, err, "The child cannot be heard")
		case n == 0:
			return p, false, nil
		}
		p.kind = runtime.Sync(packet[0])
		return p, true, p.read(control[:oobn])
	}
}

// read takes what came beside the packet.
func (p *point) read(control []byte) error {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "The child cannot be understood")
	}
	for _, m := range messages {
		if cred, err := unix.ParseUnixCredentials(&m); err == nil {
			p.pid = int(cred.Pid)
		}
		if fds, err := unix.ParseUnixRights(&m); err == nil {
			for _, fd := range fds {
				p.file = os.NewFile(uintptr(fd), "listener")
			}
		}
	}
	return nil
}

// goOn is the answer.
func (c *conversation) goOn() error {
	err := unix.Sendto(int(c.ours.Fd()), make([]byte, 16), unix.MSG_NOSIGNAL, nil)
	return fault.Wrap(fault.Internal, err, "The child cannot be answered")
}

// hangUp ends a next that waits for a child that is gone.
func (c *conversation) hangUp() {
	if c == nil {
		return // an exec has none
	}
	unix.Shutdown(int(c.ours.Fd()), unix.SHUT_RDWR)
}

func (c *conversation) close() { c.ours.Close() }

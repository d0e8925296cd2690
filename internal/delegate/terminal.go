//go:build linux

package delegate

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// Terminal takes the terminal that a runtime makes for a process.
type Terminal struct {
	// Path is what --console-socket is given. It leads through this process, since
	// the path of a socket must be short and a data directory's may be long.
	Path   string
	dir    *os.File
	name   string
	socket *net.UnixListener
}

// OpenTerminal listens for a terminal of a process of the bundle.
func (b Bundle) OpenTerminal(process string) (*Terminal, error) {
	dir, err := os.Open(b.Dir)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "the bundle cannot be opened")
	}
	t := &Terminal{dir: dir, name: filepath.Join(b.Dir, process+".sock")}
	t.Path = fmt.Sprintf("/proc/%d/fd/%d/%s.sock", os.Getpid(), dir.Fd(), process)
	if t.socket, err = net.ListenUnix("unix", &net.UnixAddr{Name: t.Path, Net: "unix"}); err != nil {
		dir.Close()
		return nil, fault.Wrap(fault.Internal, err, "the socket for the terminal cannot be made")
	}
	t.socket.SetUnlinkOnClose(false)
	return t, nil
}

// terminalPatience bounds the wait for a terminal whose process exists already.
const terminalPatience = 10 * time.Second

// Take is the terminal's master. The runtime has sent it by the time that its
// create, or exec, has ended.
func (t *Terminal) Take() (*os.File, error) {
	_ = t.socket.SetDeadline(time.Now().Add(terminalPatience))
	conn, err := t.socket.AcceptUnix()
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "the runtime sent no terminal")
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(terminalPatience))
	name, control := make([]byte, 4096), make([]byte, unix.CmsgSpace(4*4))
	_, n, _, _, err := conn.ReadMsgUnix(name, control)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "the runtime sent no terminal")
	}
	messages, err := unix.ParseSocketControlMessage(control[:n])
	if err != nil || len(messages) == 0 {
		return nil, fault.New(fault.Internal, "the runtime sent a message without a terminal")
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) == 0 {
		return nil, fault.New(fault.Internal, "the runtime sent a message without a terminal")
	}
	for _, fd := range fds[1:] {
		unix.Close(fd)
	}
	if err := unix.SetNonblock(fds[0], true); err != nil {
		unix.Close(fds[0])
		return nil, fault.Wrap(fault.Internal, err, "the terminal cannot be used")
	}
	return os.NewFile(uintptr(fds[0]), "pty"), nil
}

// Close gives the socket back.
func (t *Terminal) Close() {
	t.socket.Close()
	_ = os.Remove(t.name)
	t.dir.Close()
}

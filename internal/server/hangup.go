package server

import (
	"crypto/tls"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// watchHangup cancels the verb when the client has closed its connection. A
// half-closed one (the end of stdin) goes on.
//
// It waits on a descriptor of its own, because a verb may be reading the
// connection, or may not be reading it for a long time. The runtime's poller wakes
// it at every edge, so no thread is held.
func (t *stream) watchHangup() {
	file := second(t.conn)
	if file == nil {
		return
	}
	raw, err := file.SyscallConn()
	if err != nil {
		_ = file.Close()
		return
	}
	t.watch = file
	go func() {
		gone := false
		_ = raw.Read(func(fd uintptr) bool { gone = hungUp(fd); return gone })
		if gone {
			t.cancel()
		}
	}()
}

// second returns another descriptor of a connection, or nil when it has none.
func second(conn net.Conn) *os.File {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	filer, ok := conn.(interface{ File() (*os.File, error) })
	if !ok {
		return nil
	}
	file, err := filer.File()
	if err != nil {
		return nil
	}
	return file
}

// hungUp reports whether both directions of a socket are closed (poll(2), POLLHUP).
func hungUp(fd uintptr) bool {
	p := []unix.PollFd{{Fd: int32(fd)}}
	n, err := unix.Poll(p, 0)
	return err == nil && n > 0 && p[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0
}

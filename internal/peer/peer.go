// Package peer says who asked: the process at the other end of a unix socket, or
// the address at the other end of a network.
package peer

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Peer is who asked for something. The zero value is nobody: the engine itself.
type Peer struct {
	PID     int    `json:",omitempty"` // of the process that opened the connection
	UID     int    // its user, with a PID
	Program string `json:",omitempty"` // the name of the program that it ran then
	Address string `json:",omitempty"` // of a client on the network
	Subject string `json:",omitempty"` // of the certificate that it showed
}

type key struct{}

// With returns a context in which From finds the other end of a connection.
func With(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, key{}, conn)
}

// From tells who is at the other end of the connection that a request came by; nil
// when there is none. The program's name is looked up now, while it waits for its
// answer: one that has ended meanwhile has none.
func From(ctx context.Context) *Peer {
	conn, _ := ctx.Value(key{}).(net.Conn)
	if conn == nil {
		return nil
	}
	if unixConn, ok := conn.(*net.UnixConn); ok {
		return fromSocket(unixConn)
	}
	p := &Peer{Address: conn.RemoteAddr().String()}
	if secure, ok := conn.(*tls.Conn); ok {
		if certs := secure.ConnectionState().PeerCertificates; len(certs) > 0 {
			p.Subject = certs[0].Subject.String()
		}
	}
	return p
}

// fromSocket asks the kernel, which keeps who connected (socket(7), SO_PEERCRED).
func fromSocket(conn *net.UnixConn) *Peer {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil
	}
	var cred *unix.Ucred
	var bad error
	if err := raw.Control(func(fd uintptr) {
		cred, bad = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil || bad != nil {
		return nil
	}
	return &Peer{PID: int(cred.Pid), UID: int(cred.Uid), Program: program(int(cred.Pid))}
}

// program is the name of a process's program (proc_pid_comm(5)), "" when it has
// ended. Its arguments are not read: they may hold secrets.
func program(pid int) string {
	if pid <= 0 { // it is in a pid namespace that we do not see
		return ""
	}
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
	if err != nil {
		return ""
	}
	return clean(strings.TrimSuffix(string(b), "\n"))
}

// clean keeps what can be shown: a process names itself as it likes.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return -1
		}
		return r
	}, s)
}

// String names the peer in a sentence: "docker (pid 12, uid 0)".
func (p *Peer) String() string {
	switch {
	case p == nil:
		return "the engine"
	case p.Address != "" && p.Subject != "":
		return "a client at " + p.Address + " (" + p.Subject + ")"
	case p.Address != "":
		return "a client at " + p.Address
	case p.Program == "":
		return "a process that has ended (pid " + strconv.Itoa(p.PID) + ", uid " + strconv.Itoa(p.UID) + ")"
	}
	return p.Program + " (pid " + strconv.Itoa(p.PID) + ", uid " + strconv.Itoa(p.UID) + ")"
}

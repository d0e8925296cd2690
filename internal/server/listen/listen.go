// Package listen opens the sockets on which the Engine API is served.
package listen

import (
	"crypto/tls"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/user"
	"strconv"
	"strings"
	"syscall"
	"time"

	"berth/internal/fault"
)

// Options say who may use a listener.
type Options struct {
	Group string      // name or number of the group that may use a unix socket; "" is root's
	TLS   *tls.Config // nil means none; not for unix sockets
}

// Open opens a listener as -H names it:
//
//	unix:///path     a socket of mode 0660, in place of a stale one
//	tcp://host:port  port 2375, or 2376 with TLS, when none is given
//	fd://            the first socket passed by systemd (sd_listen_fds(3)); fd://4
//	                 is descriptor 4, fd://name one of LISTEN_FDNAMES
func Open(spec string, opts Options) (net.Listener, error) {
	proto, addr, ok := strings.Cut(spec, "://")
	if !ok {
		return nil, fault.New(fault.Invalid, "bad format for host %q: it must be unix://, tcp:// or fd://", spec)
	}
	switch proto {
	case "unix":
		return openUnix(addr, opts.Group)
	case "tcp":
		l, err := openTCP(addr, opts.TLS != nil)
		return secured(l, opts.TLS), err
	case "fd":
		l, err := openPassed(addr, passedFromEnv(os.Getpid(), os.Getenv))
		if err == nil && l.Addr().Network() != "unix" {
			l = secured(l, opts.TLS)
		}
		return l, err
	}
	return nil, fault.New(fault.Invalid, "protocol %s is not supported for host %q: it must be unix://, tcp:// or fd://", proto, spec)
}

func secured(l net.Listener, cfg *tls.Config) net.Listener {
	if l == nil || cfg == nil {
		return l
	}
	return tls.NewListener(l, cfg)
}

func openTCP(addr string, withTLS bool) (net.Listener, error) {
	addr = strings.TrimSuffix(addr, "/")
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		host, port = strings.Trim(addr, "[]"), ""
	}
	if port == "" {
		port = "2375"
		if withTLS {
			port = "2376"
		}
	}
	if host == "" {
		host = "127.0.0.1" // never the world by accident
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "cannot listen on tcp://%s", addr)
	}
	return l, nil
}

// openUnix makes the socket under another name and renames it: nobody can connect
// before mode and group are set, and a stale socket is replaced in one step.
func openUnix(path, group string) (net.Listener, error) {
	if path == "" {
		return nil, fault.New(fault.Invalid, "a unix:// host needs a path")
	}
	gid, err := groupID(group)
	if err != nil {
		return nil, err
	}
	if err := checkStale(path); err != nil {
		return nil, err
	}
	fresh := path + "." + strconv.Itoa(os.Getpid())
	_ = os.Remove(fresh)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: fresh, Net: "unix"})
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "cannot listen on unix://%s", path)
	}
	l.SetUnlinkOnClose(false) // it would unlink the first name
	info, err := place(fresh, path, gid)
	if err != nil {
		_ = l.Close()
		_ = os.Remove(fresh)
		return nil, fault.Wrap(fault.Unavailable, err, "cannot listen on unix://%s", path)
	}
	return &unixListener{UnixListener: l, path: path, info: info}, nil
}

// place gives the socket its rights and its name.
func place(fresh, path string, gid int) (fs.FileInfo, error) {
	if err := os.Chmod(fresh, 0o660); err != nil {
		return nil, err
	}
	if err := os.Chown(fresh, 0, gid); err != nil && os.Geteuid() == 0 {
		return nil, err
	}
	info, err := os.Lstat(fresh)
	if err != nil {
		return nil, err
	}
	return info, os.Rename(fresh, path)
}

// checkStale refuses a path that something answers on, or that is no socket.
func checkStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "cannot look at %s", path)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fault.New(fault.Conflict, "%s exists and is not a socket", path)
	}
	conn, err := net.DialTimeout("unix", path, 5*time.Second)
	if err == nil {
		_ = conn.Close()
		return fault.New(fault.Conflict, "another daemon is listening on unix://%s", path)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, syscall.ENOENT) {
		return fault.Wrap(fault.Conflict, err, "cannot tell whether a daemon is listening on unix://%s", path)
	}
	return nil
}

// groupID finds a group by name or number.
func groupID(group string) (int, error) {
	if group == "" {
		return 0, nil
	}
	if gid, err := strconv.Atoi(group); err == nil {
		return gid, nil
	}
	g, err := user.LookupGroup(group)
	if err != nil {
		return 0, fault.New(fault.Invalid, "group %s for the socket does not exist", group)
	}
	return strconv.Atoi(g.Gid)
}

// unixListener takes its socket away when it closes, unless somebody has put
// another one there since.
type unixListener struct {
	*net.UnixListener
	path string
	info fs.FileInfo
}

// Close stops listening and removes the socket.
func (l *unixListener) Close() error {
	if now, err := os.Lstat(l.path); err == nil && os.SameFile(now, l.info) {
		_ = os.Remove(l.path)
	}
	return l.UnixListener.Close()
}

// passed is a socket that the service manager has opened.
type passed struct {
	fd   int
	name string
}

// firstPassed is SD_LISTEN_FDS_START.
const firstPassed = 3

// passedFromEnv lists the sockets passed to this process.
func passedFromEnv(pid int, getenv func(string) string) []passed {
	if getenv("LISTEN_PID") != strconv.Itoa(pid) {
		return nil
	}
	n, err := strconv.Atoi(getenv("LISTEN_FDS"))
	if err != nil || n < 0 {
		return nil
	}
	names := strings.Split(getenv("LISTEN_FDNAMES"), ":")
	var out []passed
	for i := range n {
		p := passed{fd: firstPassed + i}
		if i < len(names) {
			p.name = names[i]
		}
		out = append(out, p)
	}
	return out
}

// openPassed takes the passed socket that which names; the descriptor is closed,
// its copy is not inherited by programs that the daemon starts.
func openPassed(which string, sockets []passed) (net.Listener, error) {
	for _, p := range sockets {
		if which != "" && which != "*" && which != p.name && which != strconv.Itoa(p.fd) {
			continue
		}
		syscall.CloseOnExec(p.fd)
		f := os.NewFile(uintptr(p.fd), "fd://"+which)
		l, err := net.FileListener(f)
		_ = f.Close()
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, err, "descriptor %d is not a listening socket", p.fd)
		}
		return l, nil
	}
	return nil, fault.New(fault.Unavailable, "no socket was passed for fd://%s; use a systemd socket unit", which)
}

//go:build linux

// Package port keeps account of the ports of the host that containers publish.
//
// A port is taken by an entry in the table and by a real socket, so that
// programs of the host see it as taken and theirs are seen.
package port

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

// Binding publishes one port of a container on the host.
type Binding struct {
	Port     uint16     // in the container, 1-65535
	Proto    string     // "tcp", "udp" or "sctp"; "" means tcp
	HostIP   netip.Addr // zero value: every IPv4 address of the host
	HostPort uint16     // 0: an ephemeral port of ip_local_port_range
	// HostPortEnd, when above HostPort, lets the engine choose the first free
	// port of the range HostPort-HostPortEnd. Zero in a bound binding.
	HostPortEnd uint16 `json:",omitempty"`
}

// hostPort is a port of the host that is published.
type hostPort struct {
	ip    netip.Addr
	port  uint16
	proto string
}

// Everywhere reports whether a binding is for all addresses of the host.
func (b Binding) Everywhere() bool { return everywhere(b.HostIP) }

func everywhere(ip netip.Addr) bool { return !ip.IsValid() || ip.IsUnspecified() }

// Host is the network namespace whose ports these are.
type Host interface {
	Do(fn func() error) error      // runs fn on a thread that is in it
	PortRange() (low, high uint16) // its ip_local_port_range
}

// Table is the ports of one daemon. Its methods may be called from any goroutine.
type Table struct {
	mu   sync.Mutex
	held map[hostPort]*os.File
	next uint16 // where the search for an ephemeral port goes on
	host Host
}

// NewTable makes a table that is empty.
func NewTable(host Host) *Table {
	return &Table{held: map[hostPort]*os.File{}, host: host}
}

// Normalise fills in the defaults of a binding and refuses what cannot be published.
func Normalise(p Binding) (Binding, error) {
	p.Proto = strings.ToLower(p.Proto)
	switch p.Proto {
	case "":
		p.Proto = "tcp"
	case "tcp", "udp", "sctp":
	default:
		return p, fault.New(fault.Invalid, "invalid proto: %s", p.Proto)
	}
	if p.Port == 0 {
		return p, fault.New(fault.Invalid, "invalid container port: 0")
	}
	if !p.HostIP.IsValid() {
		p.HostIP = netip.IPv4Unspecified()
	}
	if p.HostIP = p.HostIP.Unmap(); !p.HostIP.Is4() {
		return p, fault.New(fault.Unsupported, "publishing on the IPv6 address %s is not supported yet", p.HostIP)
	}
	return p, nil
}

// Reserve takes a host port for a normalised binding and returns the binding
// with its host port and the socket that holds it (nil for sctp).
func (t *Table) Reserve(p Binding) (Binding, *os.File, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	first, last := p.HostPort, max(p.HostPort, p.HostPortEnd)
	if first == 0 {
		return t.ephemeral(p)
	}
	var err error
	for port := int(first); port <= int(last); port++ {
		var f *os.File
		p.HostPort = uint16(port)
		if f, err = t.bind(p); err == nil {
			p.HostPortEnd = 0
			return p, f, nil
		}
	}
	return p, nil, err
}

// ephemeral tries the ports of ip_local_port_range, going on after the last one given.
func (t *Table) ephemeral(p Binding) (Binding, *os.File, error) {
	low, high := t.host.PortRange()
	if t.next < low || t.next > high {
		t.next = low
	}
	var err error
	for range int(high) - int(low) + 1 {
		var f *os.File
		p.HostPort = t.next
		if t.next++; t.next > high || t.next == 0 {
			t.next = low
		}
		if f, err = t.bind(p); err == nil {
			return p, f, nil
		}
		if !errors.Is(err, unix.EADDRINUSE) && !errors.Is(err, errAllocated) {
			break
		}
	}
	return p, nil, err
}

// errAllocated is inside the error for a port that another container has.
var errAllocated = errors.New("port is already allocated")

// bind takes exactly the named port; t.mu is held.
func (t *Table) bind(p Binding) (*os.File, error) {
	key := hostPort{p.HostIP, p.HostPort, p.Proto}
	for k := range t.held {
		if k.port == key.port && k.proto == key.proto && (k.ip == key.ip || everywhere(k.ip) || everywhere(key.ip)) {
			return nil, fmt.Errorf("Bind for %s:%d failed: %w", p.HostIP, p.HostPort, errAllocated) //nolint:staticcheck // Docker's text
		}
	}
	var f *os.File
	if p.Proto != "sctp" {
		err := t.host.Do(func() (err error) {
			f, err = hold(p)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("failed to bind host port %s:%d/%s: %w", p.HostIP, p.HostPort, p.Proto, err)
		}
	}
	t.held[key] = f
	return f, nil
}

// Adopt enters a port that is published already, with its socket if there is one, and
// returns the socket. One that was not handed over is opened anew; that fails as long
// as somebody else has it, in which case the port is held just as well.
func (t *Table) Adopt(p Binding, f *os.File) *os.File {
	if f == nil && p.Proto != "sctp" {
		_ = t.host.Do(func() (err error) {
			f, err = hold(p)
			return err
		})
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.held[hostPort{p.HostIP, p.HostPort, p.Proto}] = f
	return f
}

// Release gives host ports back.
func (t *Table) Release(ports ...Binding) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range ports {
		key := hostPort{p.HostIP, p.HostPort, p.Proto}
		if f := t.held[key]; f != nil {
			_ = f.Close()
		}
		delete(t.held, key)
	}
}

// hold opens a socket that occupies a host port of the calling thread's
// namespace and never sees a packet. A listening TCP socket is the only
// thing that SO_REUSEADDR (needed here, or connections in TIME_WAIT would be
// in the way) does not let others share a port with; the filter drops what
// reaches it in the moments when no rule leads to the container.
func hold(p Binding) (*os.File, error) {
	kind := unix.SOCK_STREAM
	if p.Proto == "udp" {
		kind = unix.SOCK_DGRAM
	}
	fd, err := unix.Socket(unix.AF_INET, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if err := occupy(fd, p, kind == unix.SOCK_STREAM); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), fmt.Sprintf("%s %s:%d", p.Proto, p.HostIP, p.HostPort)), nil
}

func occupy(fd int, p Binding, listen bool) error {
	drop, err := bpf.RetConstant{Val: 0}.Assemble()
	if err != nil {
		return err
	}
	filter := unix.SockFilter{Code: drop.Op, Jt: drop.Jt, Jf: drop.Jf, K: drop.K}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &filter}); err != nil {
		return err
	}
	if listen {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
			return err
		}
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: int(p.HostPort), Addr: p.HostIP.As4()}); err != nil {
		return err
	}
	if listen {
		return unix.Listen(fd, 0)
	}
	return nil
}

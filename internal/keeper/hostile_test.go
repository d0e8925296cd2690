//go:build linux

package keeper_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/keeper"
)

// raw is a connection that says whatever it likes.
type raw struct {
	testing.TB
	fd int
}

func (w *world) raw() *raw {
	w.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	w.must(err)
	path := filepath.Join(w.root, "keeper.sock")
	if len(path) > 107 {
		w.Fatalf("too long a path: %s", path)
	}
	w.must(unix.Connect(fd, &unix.SockaddrUnix{Name: path}))
	w.must(unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: int64(patience / time.Second)}))
	r := &raw{w, fd}
	w.Cleanup(func() { unix.Close(r.fd) })
	return r
}

func packet(kind byte, number uint32, body ...byte) []byte {
	return append(binary.LittleEndian.AppendUint32([]byte{kind}, number), body...)
}

func (r *raw) send(b []byte, fds ...int) {
	r.Helper()
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	if err := unix.Sendmsg(r.fd, b, rights, nil, unix.MSG_NOSIGNAL); err != nil {
		r.Fatal(err)
	}
}

// hears expects an answer of that kind, whose text contains words.
func (r *raw) hears(kind byte, words string) {
	r.Helper()
	b := make([]byte, 1<<16)
	n, err := unix.Read(r.fd, b)
	if err != nil || n < 5 || b[0] != kind || !strings.Contains(string(b[5:n]), words) {
		r.Fatalf("heard %q, %v; not kind %#x with %q", b[:max(n, 0)], err, kind, words)
	}
}

const ok, failed = 0x81, 0x82

func (r *raw) hello() {
	r.Helper()
	r.send(packet(1, 1, keeper.Version, 0, 0, 0))
	r.hears(ok, "")
}

func TestAConnectionThatDoesNotSayHelloIsToldSo(t *testing.T) {
	w := newWorld(t)
	w.Client.Close()
	before := w.descriptors()
	for _, c := range []struct {
		name, words string
		sent        []byte
	}{
		{"a short packet", "malformed", []byte("x")},
		{"text", "must begin with a hello", []byte("GET / HTTP/1.1\r\n\r\n")},
		{"another request", "must begin with a hello", packet(3, 1)},
		{"a long hello", "must begin with a hello", packet(1, 1, keeper.Version, 0, 0, 0, 0)},
		{"another version", "protocol versions 2 to 3, and the daemon version 99", packet(1, 1, 99, 0, 0, 0)},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := w.raw()
			r.send(c.sent, r.fd, r.fd)
			r.hears(failed, c.words)
			if n, err := unix.Read(r.fd, make([]byte, 1)); n != 0 || err != nil {
				t.Fatalf("the connection stays: %d, %v", n, err)
			}
		})
	}
	w.sameDescriptors(before)
	w.connect()
}

func TestNonsenseAfterTheHelloIsAnsweredAndLeaksNothing(t *testing.T) {
	w := newWorld(t)
	w.Client.Close()
	before := w.descriptors()
	r := w.raw()
	r.hello()
	null, err := os.Open(os.DevNull)
	w.must(err)
	defer null.Close()
	fd := int(null.Fd())
	str := func(s string) []byte { return append(binary.LittleEndian.AppendUint16(nil, uint16(len(s))), s...) }
	start := func(id string, fds uint16, held ...string) []byte {
		b := slices.Concat(str(id), str("c"), str(""), str(""), str(""), str(""))
		b = binary.LittleEndian.AppendUint16(b, fds)
		b = binary.LittleEndian.AppendUint16(b, uint16(len(held)))
		for _, h := range held {
			b = append(b, str(h)...)
		}
		return b
	}
	empty, torn := memfd(t, nil), memfd(t, sh(t, "exit 0")[:40])
	for _, c := range []struct {
		name, words string
		body        []byte
		kind        byte
		fds         []int
	}{
		{"an unknown request", "does not know", nil, 77, []int{fd}},
		{"a second hello", "does not know", []byte{1, 0, 0, 0}, 1, nil},
		{"an adopt without a name", "malformed", nil, 4, []int{fd, fd}},
		{"a name longer than the packet", "malformed", []byte{255, 255, 'x'}, 6, nil},
		{"a list with a tail", "malformed", []byte{1}, 3, nil},
		{"an empty park", "malformed", nil, 7, []int{fd, fd}},
		{"a sandbox without an ID", "needs an id", append(str(""), 0, 0), 7, []int{fd}},
		{"a sandbox without descriptors", "came with", append(str("a"), 0, 0), 7, nil},
		{"a sandbox whose program is no file", "must be a file", append(str("a"), 0, 0), 7, []int{fd}},
		{"a discard of nothing", "no sandbox", str("a"), 8, []int{fd}},
		{"a list of sandboxes with a tail", "malformed", []byte{1}, 9, nil},
		{"an empty hold", "malformed", nil, 10, []int{fd}},
		{"a hold of nothing", "one descriptor", append(str("a"), str("b")...), 10, nil},
		{"a hold of two", "one descriptor", append(str("a"), str("b")...), 10, []int{fd, fd}},
		{"a hold for nobody", "no process a", append(str("a"), str("b")...), 10, []int{fd}},
		{"an empty start", "malformed", nil, 2, []int{fd, fd, fd}},
		{"a list of names longer than the packet", "malformed", start("a", 0)[:len(start("a", 0))-1], 2, nil},
		{"a start without an ID", "needs an id", start("", 0), 2, []int{fd}},
		{"a start without descriptors", "came with", start("a", 0), 2, nil},
		{"too few descriptors", "came with", start("a", 3, "stdin"), 2, []int{fd, fd, fd}},
		{"too many descriptors", "came with", start("a", 1, "stdin"), 2, []int{fd, fd, fd, fd}},
		{"a device as the program", "must be a file", start("a", 0), 2, []int{fd}},
		{"an empty program", "must be a file", start("a", 0), 2, []int{empty}},
		{"a truncated program", "cannot be run", start("a", 3), 2, []int{torn, fd, fd, fd}},
	} {
		r.send(packet(c.kind, 5, c.body...), c.fds...)
		func() {
			defer func() {
				if t.Failed() {
					t.Log(c.name)
				}
			}()
			r.hears(failed, c.words)
		}()
	}
	r.send([]byte("y")) // no number to answer to, and no reason to hang up
	r.hears(failed, "malformed")
	r.send(packet(3, 6))
	r.hears(ok, "")
	unix.Close(r.fd)
	r.fd = -1
	w.sameDescriptors(before)
	w.connect()
	if list, err := w.List(w.ctx); err != nil || len(list) != 0 {
		t.Fatalf("list %+v, %v", list, err)
	}
}

func memfd(t *testing.T, content []byte) int {
	t.Helper()
	fd, err := unix.MemfdCreate("test", unix.MFD_CLOEXEC)
	if err == nil && len(content) > 0 {
		_, err = unix.Write(fd, content)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

func TestADaemonThatDoesNotReadStopsNobody(t *testing.T) {
	w := newWorld(t)
	w.Client.Close()
	r := w.raw()
	r.hello()
	for i := range 2000 { // many times what the socket's buffer takes
		if err := unix.Sendmsg(r.fd, packet(3, uint32(i+1)), nil, nil, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT); err != nil {
			break
		}
	}
	unix.Close(r.fd)
	r.fd = -1
	w.connect()
}

func TestARequestThatCannotBeSentIsRefusedByTheClient(t *testing.T) {
	w := newWorld(t)
	null, err := os.Open(os.DevNull)
	w.must(err)
	many := make([]*os.File, 260)
	for i := range many {
		many[i] = null
	}
	null.Close()
	for _, q := range []keeper.StartRequest{
		{ID: "a", Program: []byte("x"), Fds: many},
		{ID: "a", Program: []byte("x"), Fds: many[:1]}, // closed
		{ID: strings.Repeat("a", 5000), Program: []byte("x")},
	} {
		if _, _, err := w.Client.Start(w.ctx, q); !fault.Is(err, fault.Invalid) {
			t.Errorf("got %v", err)
		}
	}
}

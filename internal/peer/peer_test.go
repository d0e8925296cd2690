package peer

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheProcessAtTheOtherEndOfASocketIsKnownByNumberUserAndName(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	comm, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	p := From(With(context.Background(), conn))
	if p == nil || p.PID != os.Getpid() || p.UID != os.Getuid() || p.Program != strings.TrimSpace(string(comm)) {
		t.Errorf("%+v", p)
	}
}

func TestAClientOnTheNetworkIsKnownByItsAddress(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if p := From(With(context.Background(), conn)); p == nil || p.PID != 0 || p.String() != "a client at "+client.LocalAddr().String() {
		t.Errorf("%v", p)
	}
}

func TestWithoutAConnectionItIsTheEngineThatAsked(t *testing.T) {
	if p := From(context.Background()); p != nil || p.String() != "the engine" {
		t.Errorf("%v", p)
	}
}

func TestAProgramsNameIsShownWithoutControlCharacters(t *testing.T) {
	if got := clean("ev\x1b[31mil\n"); got != "ev[31mil" {
		t.Errorf("%q", got)
	}
}

//go:build linux

package criu

import (
	"encoding/hex"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

func TestARequestIsCriusProtocolBuffer(t *testing.T) {
	r := Request{
		Kind: Restore, Images: 7, Work: 300, Root: "/r", Flags: Flags{TCPEstablished: true}, CgroupMode: 3,
		Places: Places{
			External: []string{"mnt[/a]:/b"}, Inherit: []Inherit{{"pipe:[1]", 0}},
			Namespaces: []Namespace{{"ipc", "/i"}}, Cgroups: []CgroupRoot{{"", "/x"}},
		},
	}
	want := "0802" + "1248" + // restore, options
		"0807" + "2801" + "3001" + "4804" + // images, TCP, devices, everything in the log
		"520b" + hex.EncodeToString([]byte("restore.log")) + "6001" + "6a02" + hex.EncodeToString([]byte("/r")) +
		"8801ac02" + "c00101" + "d00101" + "900203" + "900301" +
		"ca0104" + "1202" + hex.EncodeToString([]byte("/x")) +
		"da010c" + "0a08" + hex.EncodeToString([]byte("pipe:[1]")) + "1000" +
		"aa020a" + hex.EncodeToString([]byte("mnt[/a]:/b")) +
		"ba0209" + "0a03" + hex.EncodeToString([]byte("ipc")) + "1202" + hex.EncodeToString([]byte("/i"))
	got := hex.EncodeToString(r.Encode())
	// The length of the options, which is all that is not written above.
	if want = strings.Replace(want, "1248", "12"+hex.EncodeToString([]byte{byte(len(want)/2 - 4)}), 1); got != want {
		t.Errorf("\n%s, not\n%s", got, want)
	}
}

func TestAnswersAreRead(t *testing.T) {
	var inner, m message
	inner.text(1, "setup-namespaces")
	inner.always(2, 77)
	m.always(1, 6)
	m.always(2, 1)
	m.inner(5, inner)
	a, ok := decode(m.data)
	if !ok || a.kind != notify || !a.success || a.event.Name != "setup-namespaces" || a.event.Pid != 77 {
		t.Errorf("%+v %v", a, ok)
	}
	inner, m = message{}, message{}
	inner.always(1, 99)
	m.always(1, 2)
	m.always(2, 1)
	m.inner(4, inner)
	if a, ok := decode(m.data); !ok || a.pid != 99 || a.failure() != nil {
		t.Errorf("%+v %v", a, ok)
	}
	m = message{}
	m.always(1, 1)
	m.always(2, 0)
	m.always(7, uint64(unix.EPERM))
	if a, ok := decode(m.data); !ok || a.failure().Error() != "criu failed: operation not permitted" {
		t.Errorf("%+v %v", a, ok)
	}
}

func TestWhatIsNoAnswerIsRefused(t *testing.T) {
	for _, text := range []string{"\x08", "\x0a\x05abc", "\x0b", "\x09\x00", "\x0d\x00", "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "\x80"} {
		if a, ok := decode([]byte(text)); ok {
			t.Errorf("%q is %+v", text, a)
		}
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add([]byte("\x08\x06\x10\x01\x2a\x04\x0a\x02ab"))
	f.Fuzz(func(_ *testing.T, data []byte) { decode(data) })
}

func TestTheLastErrorsOfALogAreFound(t *testing.T) {
	log := "(0.1) fine\n(0.2) Error (a.c:1): first\n" + strings.Repeat("(0.3) Error (b.c:2): more\n", 4) + "(0.4) Error (c.c:3): last"
	if got := Errors(log); len(got) != mostErrors || got[0] != "(0.3) Error (b.c:2): more" || got[4] != "(0.4) Error (c.c:3): last" {
		t.Errorf("%q", got)
	}
	if got := Errors("fine\n"); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

func TestControlGroupsAreRead(t *testing.T) {
	got := Roots("12:cpu,cpuacct:/a:b\n1:name=systemd:/c\n0::/d\n")
	if want := []CgroupRoot{{"cpu,cpuacct", "/a:b"}, {"name=systemd", "/c"}, {"", "/d"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("%q", got)
	}
}

func TestTheProgramThatIsMissingIsNamed(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := Find(); !fault.Is(err, fault.Unsupported) || !strings.Contains(err.Error(), "the program criu") {
		t.Error(err)
	}
}

// fake is a criu that does what a script does.
func fake(t *testing.T, script string) *Session {
	t.Helper()
	file := filepath.Join(t.TempDir(), "criu")
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	s, err := Start(file, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.End)
	return s
}

func TestACriuThatDoesNotWorkHereSaysWhy(t *testing.T) {
	s := fake(t, `[ $1 = swrk ] || echo "Error (x.c:1): no such kernel"; exit 1`)
	_, err := s.Ask(&Request{Kind: Dump}, func(Event) error { return nil })
	if err == nil || err.Error() != "criu does not work on this machine: Error (x.c:1): no such kernel" {
		t.Error(err)
	}
	s = fake(t, `[ $1 = check ]`)
	if _, err = s.Ask(&Request{Kind: Dump}, func(Event) error { return nil }); err == nil || err.Error() != "criu ended without an answer" {
		t.Error(err)
	}
}

func TestARefusedEventIsTheError(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	s := &Session{socket: os.NewFile(uintptr(pair[0]), "ours")}
	theirs := os.NewFile(uintptr(pair[1]), "theirs")
	defer s.socket.Close()
	conn, err := net.FileConn(theirs)
	theirs.Close()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, packet := range []string{"\x08\x06\x10\x01\x2a\x04\x0a\x02ab", "\x08\x02\x10\x00"} {
		if _, err := conn.Write([]byte(packet)); err != nil {
			t.Fatal(err)
		}
	}
	_, err = s.Ask(&Request{Kind: Restore}, func(e Event) error { return fault.New(fault.Invalid, "no %s", e.Name) })
	if err == nil || err.Error() != "no ab" {
		t.Error(err)
	}
	buf := make([]byte, 1000)
	conn.Read(buf)
	if n, err := conn.Read(buf); err != nil || string(buf[:n]) != "\x08\x06\x18\x00" {
		t.Errorf("%q %v", buf[:n], err)
	}
}

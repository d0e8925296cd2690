package listen

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"berth/internal/fault"

	"golang.org/x/sys/unix"
)

func TestTheSocketIsForItsGroupAndGoesAwayWithItsListener(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.sock")
	l, err := Open("unix://"+path, Options{Group: "7"})
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != os.ModeSocket|0o660 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil || os.Geteuid() == 0 && st.Gid != 7 {
		t.Errorf("group %d, %v", st.Gid, err)
	}
	if _, err := Open("unix://"+path, Options{}); !fault.Is(err, fault.Conflict) {
		t.Errorf("a second listener: %v", err)
	}
	dial(t, path).Close()
	l.Close()
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestAStaleSocketIsReplacedAndAFileIsNot(t *testing.T) {
	dir := t.TempDir()
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: dir + "/s", Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	stale.Close()
	l, err := Open("unix://"+dir+"/s", Options{})
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := os.WriteFile(dir+"/file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open("unix://"+dir+"/file", Options{}); !fault.Is(err, fault.Conflict) {
		t.Error(err)
	}
}

func TestASocketThatSomebodyElseHasPutThereStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := Open("unix://"+path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	other, err := Open("unix://"+path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	other.Close()
}

func TestHostsThatMakeNoSenseAreRefused(t *testing.T) {
	for spec, kind := range map[string]fault.Kind{
		"nothing": fault.Invalid, "udp://x": fault.Invalid, "unix://": fault.Invalid, "fd://": fault.Unavailable, "tcp://127.0.0.1:x": fault.Unavailable,
		"unix:///no/such/dir/s": fault.Unavailable,
	} {
		if l, err := Open(spec, Options{}); !fault.Is(err, kind) {
			t.Errorf("%s: %v %v", spec, l, err)
		}
	}
	if _, err := Open("unix://"+t.TempDir()+"/s", Options{Group: "no-such-group"}); !fault.Is(err, fault.Invalid) {
		t.Error(err)
	}
}

func TestPassedSocketsAreFoundByNumberAndName(t *testing.T) {
	env := map[string]string{"LISTEN_PID": "9", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "a:b"}
	get := func(k string) string { return env[k] }
	if got := passedFromEnv(8, get); got != nil {
		t.Errorf("of another process: %v", got)
	}
	got := passedFromEnv(9, get)
	if len(got) != 2 || got[0] != (passed{3, "a"}) || got[1] != (passed{4, "b"}) {
		t.Fatalf("%v", got)
	}
	tcp, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	for _, which := range []string{"", "*", "sock", "number"} {
		f, err := tcp.File()
		if err != nil {
			t.Fatal(err)
		}
		fd, err := unix.Dup(int(f.Fd())) // Open closes it
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		l, err := openPassed(strings.Replace(which, "number", strconv.Itoa(fd), 1), []passed{{fd, "sock"}})
		if err != nil || l.Addr().String() != tcp.Addr().String() {
			t.Errorf("%q: %v", which, err)
			continue
		}
		l.Close()
	}
}

func dial(t *testing.T, path string) net.Conn {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

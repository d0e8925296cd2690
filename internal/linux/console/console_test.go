//go:build linux

package console

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

func terminal(t *testing.T) (master, devpts, slave *os.File) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	master, devpts, slave, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close(); devpts.Close(); slave.Close() })
	return master, devpts, slave
}

func TestWhatGoesInAtOneEndComesOutAtTheOther(t *testing.T) {
	master, _, slave := terminal(t)
	if _, err := master.WriteString("hello\n"); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 64)
	n, err := slave.Read(buf)
	if err != nil || string(buf[:n]) != "hello\n" {
		t.Errorf("%q %v", buf[:n], err)
	}
}

func TestEveryTerminalIsTheFirstOfItsOwnFileSystem(t *testing.T) {
	_, devpts, slave := terminal(t)
	_, _, other := terminal(t)
	var a, b, named unix.Stat_t
	for f, st := range map[*os.File]*unix.Stat_t{slave: &a, other: &b} {
		if err := unix.Fstat(int(f.Fd()), st); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Fstatat(int(devpts.Fd()), "0", &named, 0); err != nil || named.Ino != a.Ino || named.Gid != 5 || named.Mode&0o777 != 0o620 {
		t.Errorf("%+v %v", named, err)
	}
	if a.Dev == b.Dev {
		t.Error("two terminals share a file system")
	}
}

func TestTheMasterGoesThroughThePoller(t *testing.T) {
	master, _, _ := terminal(t)
	if err := master.SetReadDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := master.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
}

func TestTheSizeIsSeenAtTheOtherEnd(t *testing.T) {
	master, _, slave := terminal(t)
	if err := SetSize(master, 24, 80); err != nil {
		t.Fatal(err)
	}
	ws, err := unix.IoctlGetWinsize(int(slave.Fd()), unix.TIOCGWINSZ)
	if err != nil || ws.Row != 24 || ws.Col != 80 {
		t.Errorf("%+v %v", ws, err)
	}
}

func TestAFakeMultiplexerIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "dev/pts"), 0o755); err != nil {
		t.Fatal(err)
	}
	ptmx := filepath.Join(dir, "dev/pts/ptmx")
	root, err := os.OpenFile(dir, unix.O_PATH, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for name, fake := range map[string]func() error{
		"file": func() error { return os.WriteFile(ptmx, nil, 0o666) },
		"link": func() error { return os.Symlink("/dev/ptmx", ptmx) },
		"fifo": func() error { return unix.Mkfifo(ptmx, 0o666) },
	} {
		if err := fake(); err != nil {
			t.Fatal(err)
		}
		if _, _, err := OpenIn(root); !fault.Is(err, fault.Conflict) {
			t.Errorf("%s: %v", name, err)
		}
		os.Remove(ptmx)
	}
	if _, _, err := OpenIn(root); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
}

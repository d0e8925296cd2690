//go:build linux

package volume

import (
	"net"
	"os"
	"testing"

	"github.com/moby/sys/mountinfo"
)

func mountedAt(t *testing.T, dir string) bool {
	t.Helper()
	is, err := mountinfo.Mounted(dir)
	must(t, err)
	return is
}

func TestAVolumesOwnFileSystemIsMountedWhileItsUsersRun(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	s := open(t)
	v, _, err := s.Create(Request{Name: "data", Options: map[string]string{"type": "tmpfs", "device": "tmpfs", "o": "size=1m,noexec"}})
	must(t, err)
	t.Cleanup(func() { _ = s.Sweep(); _ = unmount(v.Dir) })
	for _, user := range []string{"one", "one", "two"} {
		dir, err := s.Mount("data", user)
		if err != nil || dir != v.Dir || !mountedAt(t, v.Dir) {
			t.Fatal(dir, err)
		}
	}
	must(t, s.Unmount("data", "one"))
	if !mountedAt(t, v.Dir) {
		t.Error("unmounted while somebody uses it")
	}
	next := again(t, s)
	if _, err := next.Mount("data", "two"); err != nil {
		t.Fatal(err)
	}
	must(t, next.Sweep())
	if !mountedAt(t, v.Dir) {
		t.Error("the next daemon has unmounted what a container uses")
	}
	must(t, next.Unmount("data", "two"))
	if mountedAt(t, v.Dir) {
		t.Error("still mounted after its last user")
	}
	if _, err := s.Mount("data", "killed"); err != nil {
		t.Fatal(err)
	}
	must(t, again(t, s).Sweep())
	if mountedAt(t, v.Dir) {
		t.Error("what a killed daemon has mounted stays")
	}
}

func TestWhatIsMountedAsAVolumeIsNotRemovedWithIt(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	s, theirs := open(t), t.TempDir()
	must(t, os.WriteFile(theirs+"/f", nil, 0o600))
	bind := Request{Name: "data", Options: map[string]string{"type": "none", "device": theirs, "o": "bind"}}
	for _, left := range []bool{false, true} {
		v, _, err := s.Create(bind)
		must(t, err)
		if _, err := s.Mount("data", "one"); err != nil {
			t.Fatal(err)
		}
		if left { // by a daemon that was killed before it unmounted
			must(t, os.MkdirAll(s.root+"/.trash", 0o700))
			must(t, os.Rename(s.root+"/data", s.root+"/.trash/x"))
			s = again(t, s)
		} else {
			must(t, s.Remove("data"))
		}
		s.Close()
		for _, dir := range []string{v.Dir, s.root + "/.trash/x"} {
			if _, err := os.Stat(dir); err == nil {
				t.Errorf("%s is still there", dir)
			}
		}
		if _, err := os.Stat(theirs + "/f"); err != nil {
			t.Fatal("what was mounted is gone: ", err)
		}
	}
}

func TestAFileSystemThatCannotBeMountedIsToldWithWhatWasAskedFor(t *testing.T) {
	s := open(t)
	v, _, err := s.Create(Request{Name: "data", Options: map[string]string{"type": "none", "device": "/nowhere/at/all", "o": "bind"}})
	must(t, err)
	_, err = s.Mount("data", "one")
	want := "error while mounting volume '" + v.Dir + "': failed to mount local volume: mount /nowhere/at/all:" + v.Dir + ", flags: 0x1000: no such file or directory"
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
	must(t, s.Unmount("data", "one"))
}

func TestTheServerOfANetworkFileSystemIsResolved(t *testing.T) {
	resolve := func(host string) (*net.IPAddr, error) {
		if host != "nas" {
			return nil, os.ErrNotExist
		}
		return &net.IPAddr{IP: net.IPv4(192, 0, 2, 7)}, nil
	}
	for _, c := range []struct {
		d    device
		want string
	}{
		{device{"nfs", ":/export", "addr=nas,rw,nolock"}, "addr=192.0.2.7,rw,nolock"},
		{device{"tmpfs", "tmpfs", "addr=nas"}, "addr=nas"},
	} {
		if got, err := c.d.resolved(resolve); err != nil || got != c.want {
			t.Errorf("%v: %s %v", c.d, got, err)
		}
	}
	if got, err := (device{"cifs", "//x/y", "addr=other"}).resolved(resolve); err == nil {
		t.Error("a server that nobody knows: ", got)
	}
}

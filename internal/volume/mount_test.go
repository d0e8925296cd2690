//go:build linux

package volume

import (
	"net"
	"os"
	"slices"
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

func TestAFileSystemThatCannotBeMountedIsToldWithWhatWasAskedFor(t *testing.T) {
	s := open(t)
	v, _, err := s.Create(Request{Name: "data", Options: map[string]string{"type": "none", "device": "/nowhere/at/all", "o": "bind"}})
	must(t, err)
	_, err = s.Mount("data", "one")
	want := "error while mounting volume '" + v.Dir + "': failed to mount local volume: mount /nowhere/at/all:" + v.Dir + ", data: bind: no such file or directory"
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
	m, err := device{"nfs", ":/export", "addr=nas,rw,,nolock"}.mount(resolve)
	if err != nil || !slices.Equal(m.Options, []string{"addr=192.0.2.7", "rw", "nolock"}) || m.Source != ":/export" || m.Type != "nfs" {
		t.Error(m, err)
	}
	if m, err := (device{"tmpfs", "tmpfs", "addr=nas"}).mount(resolve); err != nil || !slices.Equal(m.Options, []string{"addr=nas"}) {
		t.Error(m, err)
	}
	if _, err := (device{"cifs", "//x/y", "addr=other"}).mount(resolve); err == nil {
		t.Error("a server that nobody knows")
	}
}

//go:build linux

package volume

import (
	"errors"
	"net"
	"os"
	"testing"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
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
	for _, c := range []struct{ d, want device }{
		{device{Type: "nfs", Source: ":/export", Options: "addr=nas,rw,nolock"}, device{Type: "nfs", Source: ":/export", Options: "addr=192.0.2.7,rw,nolock"}},
		{device{Type: "tmpfs", Source: "tmpfs", Options: "addr=nas"}, device{Type: "tmpfs", Source: "tmpfs", Options: "addr=nas"}},
		{device{Type: "cifs", Source: "//nas/share", Options: "ro"}, device{Type: "cifs", Source: "//192.0.2.7/share", Options: "ro"}},
		{device{Type: "cifs", Source: "//other/share", Options: "addr=nas"}, device{Type: "cifs", Source: "//other/share", Options: "addr=192.0.2.7"}},
	} {
		if got, err := c.d.resolved(resolve); err != nil || got != c.want {
			t.Errorf("%v: %v %v", c.d, got, err)
		}
	}
	if got, err := (device{Type: "cifs", Source: "//x/y", Options: "addr=other"}).resolved(resolve); err == nil {
		t.Error("a server that nobody knows: ", got)
	}
}

func TestAnErrorDoesNotTellThePasswordOfAShare(t *testing.T) {
	d := device{Type: "cifs", Source: "//127.0.0.1/x", Options: "user=a,password=secret"}
	if err := d.masked(errors.New("mount: user=a,password=secret: no")); err.Error() != "mount: user=a,password=********: no" {
		t.Error(err)
	}
	if err := d.masked(nil); err != nil {
		t.Error(err)
	}
}

func TestAVolumeWithASizeIsAnEmptyDirectoryThatHoldsThatMuch(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: it mounts")
	}
	s := open(t)
	v, _, err := s.Create(Request{Name: "data", Options: map[string]string{"size": "8m"}})
	must(t, err)
	t.Cleanup(func() { _ = unmount(v.Dir) })
	dir, err := s.Mount("data", "one")
	must(t, err)
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("a fresh one holds %v, %v", entries, err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	must(t, os.WriteFile(dir+"/kept", []byte("kept"), 0o600))
	if err := os.WriteFile(dir+"/large", make([]byte, 20<<20), 0o600); !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EDQUOT) {
		t.Errorf("more than it holds: %v", err)
	}
	must(t, s.Unmount("data", "one"))
	s = again(t, s)
	_, err = s.Mount("data", "two")
	must(t, err)
	if text, err := os.ReadFile(dir + "/kept"); string(text) != "kept" || err != nil {
		t.Errorf("the next daemon finds %q, %v", text, err)
	}
	must(t, s.Unmount("data", "two"))
	must(t, s.Remove("data"))
	s.Close()
	if left, err := os.ReadDir(s.root + "/" + trashDir); err != nil || len(left) > 0 {
		t.Errorf("of a removed one there is %v, %v", left, err)
	}
}

//go:build linux

package mount

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"berth/internal/fault"
)

func detachedOverlay(t *testing.T) (root *os.File, upper string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	lowers, upper, work := layers(t, 2, "plain")
	root, err := Overlay(lowers, upper, work)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root, upper
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestAViewShowsAContainersFilesAndItsVolumesAndNothingIsInTheMountTable(t *testing.T) {
	root, upper := detachedOverlay(t)
	volume, file := filepath.Join(t.TempDir(), "volume"), filepath.Join(t.TempDir(), "hosts")
	write(t, volume+"/inner/f", "of the volume")
	write(t, file, "of the host")
	v, err := Look(root, false)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if err := v.Bind([]Bind{{Source: volume, Target: "/data"}, {Source: volume, Target: "/data/inner/again", ReadOnly: true}, {Source: file, Target: "/etc/hosts"}}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"/same": "0", "/data/inner/f": "of the volume", "/data/inner/again/inner/f": "of the volume", "/etc/hosts": "of the host"} {
		if got := read(t, v.Root, name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if _, err := OpenIn(v.Root, "/data/inner/again/new", unix.O_CREAT|unix.O_WRONLY); err == nil {
		t.Error("a read-only mount can be written")
	}
	f, err := OpenIn(v.Root, "/data/new", unix.O_CREAT|unix.O_WRONLY)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if _, err := os.Stat(volume + "/new"); err != nil {
		t.Error(err)
	}
	if got := read(t, v.Bare, "/etc/hosts"); got != "" {
		t.Errorf("what is mounted is seen in the bare file system: %q", got)
	}
	if m := mounts(t); strings.Contains(m, upper) || strings.Contains(m, volume) {
		t.Error("it is in the mount table")
	}
	if _, err := OpenIn(v.Root, "/proc/self", unix.O_PATH); !fault.Is(err, fault.NotFound) {
		t.Errorf("the host's /proc is in the view: %v", err)
	}
}

func TestAViewOfAReadOnlyRootIsReadOnly(t *testing.T) {
	root, _ := detachedOverlay(t)
	v, err := Look(root, true)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if err := v.Bind([]Bind{{Source: t.TempDir(), Target: "/a/place"}}); err != nil {
		t.Fatal(err)
	}
	if ro, bound, err := v.ReadOnly("/"); !ro || bound || err != nil {
		t.Error(ro, bound, err)
	}
	if ro, bound, err := v.ReadOnly("/a/place"); ro || !bound || err != nil {
		t.Error(ro, bound, err)
	}
	if _, err := OpenIn(v.Root, "/new", unix.O_CREAT|unix.O_WRONLY); err == nil {
		t.Error("it can be written")
	}
}

// TestAViewIntoAProcess looks at a process that has pivoted into an overlay and
// mounted something there, as a container does.
func TestAViewIntoAProcessIsOfItsRootAndNotOfWhatIsMountedInIt(t *testing.T) {
	root, upper := detachedOverlay(t)
	if err := MakePlace(root, "/tmp", true); err != nil {
		t.Fatal(err)
	}
	hold, release, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer release.Close()
	ready, child, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run", "^TestHelperContainer$")
	cmd.Env = append(os.Environ(), "VIEW_HELPER=1")
	cmd.ExtraFiles = []*os.File{root, hold, child}
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	hold.Close()
	child.Close()
	if word, err := io.ReadAll(ready); string(word) != "ready" {
		t.Fatalf("%q %v", word, err)
	}
	fd, err := unix.PidfdOpen(cmd.Process.Pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	process := os.NewFile(uintptr(fd), "pidfd")
	defer process.Close()
	for name, from := range map[string]*os.File{"by its descriptor": root, "after a restart": nil} {
		v, err := LookInto(process, from)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := read(t, v.Root, "/same"); got != "0" {
			t.Errorf("%s: %q", name, got)
		}
		if _, err := OpenIn(v.Root, "/tmp/secret", unix.O_PATH); !fault.Is(err, fault.NotFound) {
			t.Errorf("%s: a tmpfs of the process is seen: %v", name, err)
		}
		v.Close()
	}
	release.Close()
	_ = cmd.Wait()
	if _, err := LookInto(process, root); !fault.Is(err, fault.NotFound) {
		t.Errorf("of a process that has ended: %v", err)
	}
	if strings.Contains(mounts(t), upper) {
		t.Error("it is in the mount table")
	}
}

// TestHelperContainer is not a test: it is the process that the one above looks at.
func TestHelperContainer(t *testing.T) {
	if os.Getenv("VIEW_HELPER") == "" {
		t.Skip("only as a child")
	}
	ready := os.NewFile(5, "ready")
	err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	for _, step := range []func() error{
		func() error { return unix.MoveMount(3, "", unix.AT_FDCWD, "/", unix.MOVE_MOUNT_F_EMPTY_PATH) },
		func() error { return unix.Fchdir(3) },
		func() error { return unix.PivotRoot(".", ".") },
		func() error { return unix.Unmount(".", unix.MNT_DETACH) },
		func() error { return unix.Mount("tmpfs", "/tmp", "tmpfs", 0, "") },
		func() error { return os.WriteFile("/tmp/secret", nil, 0o600) },
	} {
		if err == nil {
			err = step()
		}
	}
	if err != nil {
		ready.WriteString(err.Error())
		return
	}
	ready.WriteString("ready")
	ready.Close()
	os.NewFile(4, "hold").Read(make([]byte, 1))
}

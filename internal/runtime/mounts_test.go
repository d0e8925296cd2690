//go:build linux

package runtime_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/runtime"
)

// mountLine is what /proc/self/mountinfo says of a place: its options, its
// optional fields, and what follows the dash.
func mountLine(info, place string) string {
	for line := range strings.Lines(info) {
		if f := strings.Fields(line); len(f) > 5 && f[4] == place {
			return strings.Join(f[5:], " ")
		}
	}
	return ""
}

func (b *box) mount(dest, kind, source string, options ...string) {
	b.spec.Mounts = append(b.spec.Mounts, specs.Mount{Destination: dest, Type: kind, Source: source, Options: options})
}

func TestFileSystemsOfAnyTypeAreMounted(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{"a", "b"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, d, d), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b := newBox(t, "cat /proc/self/mountinfo; ls /both")
	b.mount("/ram", "ramfs", "ramfs", "nodev", "rnosuid", "mode=700")
	b.mount("/both", "overlay", "overlay", "ro", "lowerdir="+dir+"/a:"+dir+"/b")
	b.mount("/shared", "tmpfs", "tmpfs", "shared", "size=1m", "sync", "noatime")
	b.mount("/never", "tmpfs", "tmpfs", "unbindable")
	out, _ := b.run()
	for place, want := range map[string]string{
		"/ram": "rw,nosuid,nodev,relatime - ramfs ramfs rw,mode=700", "/shared": "rw,noatime shared:", "/never": "rw,relatime unbindable - tmpfs", "/both": "ro,relatime - overlay overlay ro,",
	} {
		if got := mountLine(out, place); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q", place, got)
		}
	}
	wants(t, out, "size=1024k", "\na\nb\n")
}

func TestRecursiveOptionsReachWhatIsBelow(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "below"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", filepath.Join(dir, "below"), "tmpfs", 0, ""); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { unix.Unmount(filepath.Join(dir, "below"), unix.MNT_DETACH) })
	b := newBox(t, "cat /proc/self/mountinfo")
	b.mount("/top", "bind", dir, "rbind", "ro", "nosuid")
	b.mount("/all", "none", dir, "rbind", "rro", "rnoexec", "rnodev", "rnoatime", "nosuid", "rslave")
	out, _ := b.run()
	for place, want := range map[string]string{
		"/top": "ro,nosuid,", "/top/below": "rw,relatime ", "/all": "ro,nosuid,nodev,noexec,noatime ", "/all/below": "ro,nodev,noexec,noatime ",
	} {
		if got := mountLine(out, place); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q", place, got)
		}
	}
}

func TestAMountCanBeChangedLater(t *testing.T) {
	b := newBox(t, "cat /proc/self/mountinfo")
	b.mount("/a", "tmpfs", "tmpfs", "size=1m")
	b.mount("/a", "none", "", "remount", "ro", "size=2m")
	b.mount("/b", "tmpfs", "tmpfs")
	b.mount("/b", "bind", "", "remount", "bind", "ro", "noexec", "shared")
	out, _ := b.run()
	for place, want := range map[string]string{"/a": "ro,relatime - tmpfs tmpfs rw,size=2048k", "/b": "ro,noexec,relatime shared:"} {
		if got := mountLine(out, place); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q", place, got)
		}
	}
}

func TestTheRootHasThePropagationThatIsAskedFor(t *testing.T) {
	for asked, want := range map[string]string{"rshared": " shared:", "private": " - ", "unbindable": " unbindable", "rslave": " - "} {
		b := newBox(t, "cat /proc/self/mountinfo")
		b.spec.Linux.RootfsPropagation = asked
		o := b.synced(func(*other, runtime.Sync) bool { return true })
		out, _ := b.run()
		o.end()
		if got := mountLine(out, "/"); !strings.Contains(got, want) {
			t.Errorf("%s: %q", asked, got)
		}
	}
}

func TestDevicesHaveTheirKindModeAndOwner(t *testing.T) {
	b := newBox(t, "stat -c '%n %F %a %u %g %t %T' /dev/pipe /dev/sub/loop /dev/null")
	mode, uid, gid := os.FileMode(0o640), uint32(5), uint32(6)
	b.spec.Linux.Devices = []specs.LinuxDevice{
		{Path: "/dev/pipe", Type: "p", FileMode: &mode, UID: &uid, GID: &gid},
		{Path: "/dev/sub/loop", Type: "b", Major: 7, Minor: 9, FileMode: &mode},
	}
	if out, _ := b.run(); out != "/dev/pipe fifo 640 5 6 0 0\n/dev/sub/loop block special file 640 0 0 7 9\n/dev/null character special file 666 0 0 1 3\n" {
		t.Error(out)
	}
}

func TestControlGroupsCanBeMountedInTheirUnifiedForm(t *testing.T) {
	for _, own := range []bool{true, false} {
		b := newBox(t, "cat /proc/self/mountinfo; ls /groups")
		if !own {
			b.spec.Linux.Namespaces = slices.DeleteFunc(b.spec.Linux.Namespaces, func(ns specs.LinuxNamespace) bool { return ns.Type == specs.CgroupNamespace })
		}
		b.mount("/groups", "cgroup2", "cgroup2", "ro", "nosuid")
		out, _ := b.run()
		if got := mountLine(out, "/groups"); !strings.HasPrefix(got, "ro,nosuid,relatime - cgroup2 cgroup2") {
			t.Errorf("own namespace %v: %q", own, got)
		}
		wants(t, out, "cgroup.procs")
	}
}

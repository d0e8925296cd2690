//go:build linux

package life

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/oci/criu"
)

func outsideSpec() *specs.Spec {
	return &specs.Spec{
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc"}, {Destination: "/dev", Type: "tmpfs"},
			{Destination: "/data", Type: "bind", Source: "/src"},
		},
		Linux: &specs.Linux{MaskedPaths: []string{"/proc/kcore", "/proc/acpi", "/proc/absent"}, Devices: []specs.LinuxDevice{{Path: "/dev/fuse"}}},
	}
}

func TestMountsFromOutsideHaveKeysAndGetThemBack(t *testing.T) {
	there := map[string]string{"/": "/", "/proc": "/", "/data": "/src", "/proc/kcore": "/null", "/proc/acpi": "/", "/dev/fuse": "/fuse"}
	if got, want := dumpMounts(outsideSpec(), []string{"/data", "/gone"}, there), []string{
		"mnt[/data]:/data", "mnt[/dev/fuse]:/dev/fuse", "mnt[/proc/kcore]:/dev/null",
	}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	got := restoreMounts(outsideSpec())
	for _, want := range []string{"mnt[/data]:/src", "mnt[/dev/null]:/dev/null", "mnt[/dev/fuse]:/dev/fuse"} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is not in %q", want, got)
		}
	}
}

func TestStreamsFromOutsideAreInherited(t *testing.T) {
	there := []int{7}
	for _, c := range []struct {
		s             stream
		key, external string
	}{
		{stream{link: "pipe:[5]", kind: unix.S_IFIFO}, "pipe:[5]", ""},
		{stream{link: "/dev/null", mount: 7, kind: unix.S_IFCHR}, "/dev/null", ""},
		{stream{link: "/var/log", mount: 31, inode: 255, kind: unix.S_IFREG}, "file[1f:ff]", "file[1f:ff]"},
		{stream{link: "socket:[9]", kind: unix.S_IFSOCK}, "socket:[9]", ""},
	} {
		if key, external := c.s.key(there); key != c.key || external != c.external {
			t.Errorf("%+v: %q %q", c.s, key, external)
		}
	}
	got := inherit([]string{"/dev/null", "pipe:[5]", "file[1f:ff]", "pipe:[6]"})
	if want := []criu.Inherit{{Key: "pipe:[5]", Fd: 1}, {Key: "file[1f:ff]", Fd: 2}}; !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestPlacesForMountsAreMadeInTheRootAndInBindMounts(t *testing.T) {
	mounts := append(outsideSpec().Mounts, specs.Mount{Destination: "/data/below", Type: "tmpfs"})
	for destination, want := range map[string][2]string{
		"/new/place": {"", "/new/place"}, "/data/x/y": {"/src", "/x/y"}, "/datax": {"", "/datax"},
	} {
		if from, inside, ours := pointOf(mounts, destination); from != want[0] || inside != want[1] || !ours {
			t.Errorf("%s: %q %q %v", destination, from, inside, ours)
		}
	}
	for _, destination := range []string{"/proc/x", "/dev/shm", "/data/below/x", "/data"} {
		if _, _, ours := pointOf(mounts, destination); ours {
			t.Errorf("%s is made", destination)
		}
	}
	dir, source := t.TempDir(), t.TempDir()
	file := filepath.Join(source, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/", filepath.Join(dir, "escape")); err != nil {
		t.Fatal(err)
	}
	root, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	err = makePoints(root, []specs.Mount{
		{Destination: "/a/b", Type: "tmpfs"}, {Destination: "/c/d", Type: "bind", Source: file},
		{Destination: "/e", Type: "bind", Source: source}, {Destination: "/e/f", Type: "tmpfs"}, {Destination: "/escape/berth-test-point", Type: "tmpfs"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, isDir := range map[string]bool{dir + "/a/b": true, dir + "/c/d": false, dir + "/e": true, source + "/f": true, dir + "/berth-test-point": true} {
		if st, err := os.Lstat(path); err != nil || st.IsDir() != isDir {
			t.Errorf("%s: %v %v", path, st, err)
		}
	}
}

func TestMountsWithUsersOfTheirOwnAreNotCheckpointed(t *testing.T) {
	s := outsideSpec()
	if err := checkDump(s); err != nil {
		t.Error(err)
	}
	s.Mounts[2].UIDMappings = []specs.LinuxIDMapping{{Size: 1}}
	if err := checkDump(s); !fault.Is(err, fault.Unsupported) {
		t.Error(err)
	}
}

func TestOptionsOfControlGroupsArePutBackAsWords(t *testing.T) {
	if got := dataOptions("rw,nsdelegate,memory_recursiveprot"); got != "nsdelegate,memory_recursiveprot" {
		t.Error(got)
	}
	if got := dataOptions("rw"); got != "" {
		t.Error(got)
	}
}

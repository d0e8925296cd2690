//go:build linux

package runtime_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/runtime"
)

func TestACommandThatCannotRunIsToldInDockersWords(t *testing.T) {
	for _, test := range []struct {
		name, want string
		args       []string
		code       int
	}{
		{"not in PATH", `exec: "nope": executable file not found in $PATH`, []string{"nope"}, 127},
		{"not executable in PATH", `exec: "data": executable file not found in $PATH`, []string{"data"}, 127},
		{"missing", `exec: "/nope": stat /nope: no such file or directory`, []string{"/nope"}, 127},
		{"not executable", `exec: "/bin/data": permission denied`, []string{"/bin/data"}, 126},
		{"directory", `exec: "/etc": is a directory`, []string{"/etc"}, 126},
		{"below a file", `exec: "/bin/data/x": not a directory`, []string{"/bin/data/x"}, 127},
		{"no interpreter", `exec /bin/script: no such file or directory`, []string{"/bin/script"}, 127},
		{"no program", `exec /bin/junk: exec format error`, []string{"/bin/junk"}, 126},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBox(t)
			b.must(os.WriteFile(filepath.Join(b.image, "bin/data"), []byte("data"), 0o644))
			b.must(os.WriteFile(filepath.Join(b.image, "bin/script"), []byte("#!/missing\n"), 0o755))
			b.must(os.WriteFile(filepath.Join(b.image, "bin/junk"), []byte("junk\n"), 0o755))
			b.spec.Process.Args = test.args
			text, code := runtime.StartFailure(b.failure(), b.spec)
			if !strings.Contains(text, test.want) || !strings.Contains(text, "OCI runtime create failed: ") || code != test.code {
				t.Errorf("%d %s", code, text)
			}
		})
	}
}

func TestAWorkingDirectoryThatIsAFileIsToldInDockersWords(t *testing.T) {
	b := newBox(t)
	b.must(os.WriteFile(filepath.Join(b.image, "etc/passwd"), nil, 0o644))
	b.spec.Process.Cwd = "/etc/passwd"
	text, code := runtime.StartFailure(b.failure(), b.spec)
	wants(t, text, `chdir to cwd ("/etc/passwd") set in config.json failed: not a directory`)
	if code != 127 {
		t.Error(code)
	}
}

func TestADirectoryOnAFileIsToldInDockersWords(t *testing.T) {
	b := newBox(t)
	b.must(os.WriteFile(filepath.Join(b.image, "etc/hosts"), nil, 0o644))
	b.spec.Mounts = append(b.spec.Mounts, specs.Mount{Destination: "/etc/hosts", Type: "bind", Source: t.TempDir(), Options: []string{"rbind"}})
	text, code := runtime.StartFailure(b.failure(), b.spec)
	wants(t, text, "Are you trying to mount a directory onto a file (or vice-versa)?")
	if code != 127 {
		t.Error(code)
	}
}

func TestAnImageWhoseProcOrDevIsALinkIsRefused(t *testing.T) {
	for _, dir := range []string{"proc", "sys", "dev"} {
		t.Run(dir, func(t *testing.T) {
			b := newBox(t, "true")
			b.must(os.Remove(filepath.Join(b.image, dir)))
			b.must(os.Symlink("/tmp", filepath.Join(b.image, dir)))
			if f := b.failure(); f.Errno != unix.ELOOP {
				t.Errorf("%v", f)
			}
		})
	}
}

func TestAVolumeOnALinkStaysInTheRoot(t *testing.T) {
	src, outside := t.TempDir(), t.TempDir()
	b := newBox(t, "cat /escape/f; ls /")
	b.must(os.WriteFile(filepath.Join(src, "f"), []byte("volume\n"), 0o644))
	b.must(os.Symlink("../../../../../../.."+outside, filepath.Join(b.image, "escape")))
	b.spec.Mounts = append(b.spec.Mounts, specs.Mount{Destination: "/escape/deep", Type: "bind", Source: src})
	b.failure() // the link leads to nothing inside the root, and nowhere else
	if entries, _ := os.ReadDir(outside); len(entries) > 0 {
		t.Errorf("something was made on the host: %v", entries)
	}
}

func TestAWorkingDirectoryCannotLeadThroughADescriptor(t *testing.T) {
	for _, cwd := range []string{"/proc/self/fd/3", "/proc/self/fd/7/../..", "/sneaky"} {
		b := newBox(t, "ls")
		b.must(os.Symlink("/proc/self/fd/7", filepath.Join(b.image, "sneaky")))
		b.spec.Process.Cwd = cwd
		if f := b.failure(); f.Errno != unix.ELOOP && f.Errno != unix.ENOENT {
			t.Errorf("%s: %v", cwd, f)
		}
	}
}

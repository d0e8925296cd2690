//go:build linux

package runtime_test

import (
	"io"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"berth/internal/launch"
	"berth/internal/runtime"
)

// The directory in which the rootless half of the test finds its image.
const rootlessDir = "BERTH_ROOTLESS_DIR"

// TestAnOrdinaryUserStartsAContainer runs this test binary again as an ordinary user.
func TestAnOrdinaryUserStartsAContainer(t *testing.T) {
	if os.Getenv(rootlessDir) != "" {
		rootless(t, os.Getenv(rootlessDir))
		return
	}
	b := newBox(t)
	dir, err := os.MkdirTemp("/tmp", "berth-rootless-")
	b.must(err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	b.must(os.Chmod(dir, 0o755))
	b.must(os.Chmod(filepath.Dir(b.image), 0o755))
	for _, name := range []string{"root", "stage", "tmp"} {
		b.must(os.Mkdir(filepath.Join(dir, name), 0o755))
		b.must(os.Chown(filepath.Join(dir, name), 1234, 1234))
	}
	b.must(os.CopyFS(filepath.Join(dir, "root/bin"), os.DirFS(filepath.Join(b.image, "bin"))))
	self, err := os.ReadFile("/proc/self/exe")
	b.must(err)
	b.must(os.WriteFile(filepath.Join(dir, "test"), self, 0o755))
	cmd := osexec.Command(filepath.Join(dir, "test"), "-test.run=^TestAnOrdinaryUserStartsAContainer$", "-test.v")
	cmd.Env, cmd.Dir = []string{rootlessDir + "=" + dir, "TMPDIR=" + dir + "/tmp"}, dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1234, Gid: 1234}}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS") {
		t.Fatalf("%v\n%s", err, out)
	}
}

func rootless(t *testing.T, dir string) {
	asm, err := launch.NewAsm()
	if err != nil {
		t.Fatal(err)
	}
	defer asm.Close()
	b := &box{t: t, asm: asm, fds: map[string]*os.File{}}
	b.spec = runtime.DefaultSpec(runtime.Sandbox{})
	b.spec.Process.Args = []string{"sh", "-c", "cat /proc/self/uid_map; id -u; touch /made; ls /proc/1/status; test -c /dev/null && cat /proc/self/mountinfo"}
	b.spec.Process.Env = []string{"PATH=/bin"}
	b.spec.Root.Readonly = false
	m := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 1234, Size: 1}}
	b.spec.Linux.UIDMappings, b.spec.Linux.GIDMappings = m, m
	b.spec.Linux.Namespaces = append(b.spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
	for i, mount := range b.spec.Mounts {
		if mount.Destination == "/dev/pts" { // its group is not mapped
			b.spec.Mounts[i].Options = []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}
		}
	}
	b.in.Staging, b.in.RootPath, b.in.Rootless = filepath.Join(dir, "stage"), filepath.Join(dir, "root"), true
	b.in.Cgroup = hostCgroups(t)
	o := b.synced(func(o *other, p runtime.Sync) bool {
		if p == runtime.SyncMap {
			proc := "/proc/" + strconv.Itoa(int(o.pid)) + "/"
			for _, f := range [][2]string{{"setgroups", "deny"}, {"uid_map", "0 1234 1"}, {"gid_map", "0 1234 1"}} {
				if err := os.WriteFile(proc+f[0], []byte(f[1]), 0); err != nil {
					t.Error(err)
				}
			}
		}
		return true
	})
	out, errOut := pipes(t, b.give)
	p, err := runtime.Compile(b.spec, b.in)
	b.must(err)
	child, err := b.launch(p)
	b.must(err)
	b.fds[runtime.FdStdout].Close()
	b.fds[runtime.FdStderr].Close()
	text, err := io.ReadAll(out)
	b.must(err)
	errText, err := io.ReadAll(errOut)
	b.must(err)
	o.end()
	if code := reap(t, child); code != 0 {
		t.Errorf("exit code %d: %s", code, errText)
	}
	wants(t, string(text), "         0       1234          1\n0\n/proc/1/status\n", " / rw")
	if _, err := os.Stat(filepath.Join(dir, "root/made")); err != nil {
		t.Error(err)
	}
}

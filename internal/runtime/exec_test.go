//go:build linux

package runtime_test

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/launch"
	"berth/internal/linux/console"
	"berth/internal/linux/seccomp"
	"berth/internal/program"
	"berth/internal/runtime"
)

// running starts a container that stays until the test ends.
func running(b *box) launch.Child {
	b.t.Helper()
	b.spec.Process.Args = []string{"sh", "-c", "echo up; exec sleep 1000"}
	out, _ := pipes(b.t, b.give)
	child, err := b.start()
	b.must(err)
	b.t.Cleanup(func() {
		syscall.Kill(child.Pid, syscall.SIGKILL)
		reap(b.t, child)
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "up\n" {
		b.t.Fatal(line, err)
	}
	return child
}

// exec runs a process in a container and returns its output and exit code.
func exec(b *box, c launch.Child, p *specs.Process) (string, int, error) {
	b.t.Helper()
	return execWith(b, c, p, runtime.ExecInputs{})
}

func execWith(b *box, c launch.Child, p *specs.Process, in runtime.ExecInputs) (string, int, error) {
	b.t.Helper()
	files, names := map[string]*os.File{}, []string{}
	give := func(name string, f *os.File) {
		b.t.Cleanup(func() { f.Close() })
		files[name], names = f, append(names, name)
	}
	pidfd, err := unix.PidfdOpen(c.Pid, 0)
	b.must(err)
	give(runtime.FdPidfd, os.NewFile(uintptr(pidfd), "pidfd"))
	out, _ := pipes(b.t, give)
	filter, err := seccomp.Compile(b.spec.Linux.Seccomp)
	b.must(err)
	in.Fds, in.Seccomp = names, filter
	prog, err := runtime.CompileExec(p, in)
	b.must(err)
	child, err := launchWith(b.t, b.asm, prog, files)
	if err != nil {
		return "", 0, err
	}
	files[runtime.FdStdout].Close()
	text, err := io.ReadAll(out)
	b.must(err)
	return string(text), reap(b.t, child), nil
}

func TestAnExecJoinsEverythingOfTheContainer(t *testing.T) {
	b := newBox(t)
	b.spec.Hostname = "joined"
	b.must(os.Mkdir(filepath.Join(b.image, "work"), 0o755))
	c := running(b)
	p := *b.spec.Process
	p.Cwd = "/work"
	p.Args = []string{"sh", "-c", "hostname; pwd; for n in mnt uts ipc net pid cgroup; do stat -L -c %i /proc/1/ns/$n /proc/self/ns/$n; done; cat /proc/self/status; ls -l /proc/self/fd; exit 5"}
	out, code, err := exec(b, c, &p)
	b.must(err)
	if code != 5 {
		t.Errorf("exit code %d", code)
	}
	wants(t, out, "joined\n/work\n", "CapEff:\t00000000a80425fb", "Seccomp:\t2")
	lines := strings.Split(out, "\n")
	for i := 2; i < 14; i += 2 {
		if lines[i] != lines[i+1] || lines[i] == "" {
			t.Errorf("namespaces differ: %q %q", lines[i], lines[i+1])
		}
	}
	if got := strings.Count(out, " -> pipe:"); got != 2 {
		t.Errorf("%d pipes are open:\n%s", got, out)
	}
}

func TestAnExecThatCannotStartSaysWhyAndLeavesTheContainer(t *testing.T) {
	b := newBox(t)
	c := running(b)
	for _, test := range []struct {
		file, cwd, want string
		code            int
	}{
		{"nope", "/", `OCI runtime exec failed: exec failed: unable to start container process: exec: "nope": executable file not found in $PATH`, 127},
		{"/etc", "/", `exec: "/etc": is a directory`, 126},
		{"sh", "/nope", `chdir to cwd ("/nope") set in config.json failed: no such file or directory`, 127},
		{"sh", "/proc/self/fd/4", `chdir to cwd ("/proc/self/fd/4")`, 128},
	} {
		p := *b.spec.Process
		p.Args, p.Cwd = []string{test.file}, test.cwd
		_, _, err := exec(b, c, &p)
		var f *program.Failure
		if !errors.As(err, &f) {
			t.Fatal(err)
		}
		text, code := runtime.ExecFailure(f, &p)
		if !strings.Contains(text, test.want) || code != test.code && test.cwd == "/" {
			t.Errorf("%d %s", code, text)
		}
	}
	if err := syscall.Kill(c.Pid, 0); err != nil {
		t.Error(err)
	}
}

func TestATerminalIsTheContainersOwn(t *testing.T) {
	b := newBox(t)
	master, devpts, slave, err := console.New()
	b.must(err)
	defer master.Close()
	b.must(console.SetSize(master, 33, 77))
	b.give(runtime.FdPty, slave)
	b.give(runtime.FdDevpts, devpts)
	b.spec.Process.Terminal = true
	b.spec.Process.Args = []string{"sh", "-c", "tty; stty size; test -c /dev/console && echo console; echo x > /dev/tty; read line; echo got $line; ls /dev/pts"}
	b.must(os.Symlink("busybox", filepath.Join(b.image, "bin/stty")))
	child, err := b.start()
	b.must(err)
	slave.Close()
	_, err = master.WriteString("hello\n")
	b.must(err)
	text, _ := io.ReadAll(master) // ends with EIO when the last user is gone
	if code := reap(t, child); code != 0 {
		t.Errorf("exit code %d", code)
	}
	wants(t, string(text), "/dev/pts/0\r\n", "33 77\r\n", "console\r\n", "x\r\n", "got hello\r\n", "ptmx\r\n")
}

func TestAnExecCanHaveATerminalInTheContainersDevpts(t *testing.T) {
	b := newBox(t)
	c := running(b)
	root, err := os.OpenFile("/proc/"+strconv.Itoa(c.Pid)+"/root", unix.O_PATH, 0)
	b.must(err)
	defer root.Close()
	master, slave, err := console.OpenIn(root)
	b.must(err)
	defer master.Close()
	pidfd, err := unix.PidfdOpen(c.Pid, 0)
	b.must(err)
	files := map[string]*os.File{runtime.FdPty: slave, runtime.FdPidfd: os.NewFile(uintptr(pidfd), "pidfd")}
	defer files[runtime.FdPidfd].Close()
	p := *b.spec.Process
	p.Terminal, p.Args = true, []string{"tty"}
	filter, err := seccomp.Compile(b.spec.Linux.Seccomp)
	b.must(err)
	prog, err := runtime.CompileExec(&p, runtime.ExecInputs{Fds: []string{runtime.FdPidfd, runtime.FdPty}, Seccomp: filter})
	b.must(err)
	child, err := launchWith(t, b.asm, prog, files)
	b.must(err)
	slave.Close()
	text, _ := io.ReadAll(master)
	reap(t, child)
	if string(text) != "/dev/pts/0\r\n" {
		t.Errorf("%q", text)
	}
}

// The process that goes in could not be made with such a filter, nor could it
// start a session: it loads the filter itself.
func TestAnExecCanHaveAFilterThatForbidsToMakeIt(t *testing.T) {
	b := newBox(t)
	b.spec.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{
		{Names: []string{"clone", "clone3", "fork", "vfork", "setsid"}, Action: specs.ActErrno},
	}}
	c := running(b)
	p := *b.spec.Process
	p.Args = []string{"cat", "/proc/self/status", "/proc/self/stat"}
	out, code, err := exec(b, c, &p)
	b.must(err)
	wants(t, out, "CapEff:\t00000000a80425fb", "CapPrm:\t00000000a80425fb", "Seccomp:\t2")
	pid := field(out, "Pid:")
	if stat := field(out, pid+" (cat) "); code != 0 || strings.Fields(stat)[3] != pid {
		t.Errorf("exit code %d; it is not the first of its session: %s", code, stat)
	}
}

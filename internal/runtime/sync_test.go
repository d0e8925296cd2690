//go:build linux

package runtime_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/launch"
	"berth/internal/program"
	"berth/internal/runtime"
)

// other is the other side of a program's sync descriptor.
type other struct {
	b     *box
	sock  int
	start *os.File
	got   string // the points so far
	pid   int32
	fds   []int // received
	done  chan struct{}
}

// synced gives the program its sync and start descriptors. at is called at every
// point; what it returns is the answer.
func (b *box) synced(at func(o *other, p runtime.Sync) bool) *other {
	b.t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	b.must(err)
	b.must(unix.SetsockoptInt(pair[0], unix.SOL_SOCKET, unix.SO_PASSCRED, 1))
	b.give(runtime.FdSync, os.NewFile(uintptr(pair[1]), "sync"))
	fifo := filepath.Join(b.t.TempDir(), "start")
	b.must(unix.Mkfifo(fifo, 0o600))
	start, err := os.OpenFile(fifo, os.O_RDWR, 0)
	b.must(err)
	b.give(runtime.FdStart, start)
	o := &other{b: b, sock: pair[0], start: start, done: make(chan struct{})}
	go o.serve(at)
	return o
}

func (o *other) serve(at func(*other, runtime.Sync) bool) {
	defer close(o.done)
	defer unix.Close(o.sock)
	for {
		var p [8]byte
		oob := make([]byte, 128)
		n, m, _, _, err := unix.Recvmsg(o.sock, p[:], oob, unix.MSG_CMSG_CLOEXEC)
		if err != nil || n == 0 {
			return
		}
		o.control(oob[:m])
		point := runtime.Sync(p[0])
		o.got += string(p[:1])
		var answer [16]byte
		if !at(o, point) {
			answer[7] = 0xff
		}
		switch point {
		case runtime.SyncReady:
			o.start.Write([]byte("!"))
		case runtime.SyncListener:
		default:
			unix.Write(o.sock, answer[:])
		}
	}
}

// end waits until the other side has heard everything.
func (o *other) end() {
	o.b.fds[runtime.FdSync].Close()
	<-o.done
}

func (o *other) control(oob []byte) {
	messages, _ := unix.ParseSocketControlMessage(oob)
	for _, m := range messages {
		if c, err := unix.ParseUnixCredentials(&m); err == nil && o.pid == 0 {
			o.pid = c.Pid
		}
		if fds, err := unix.ParseUnixRights(&m); err == nil {
			o.fds = append(o.fds, fds...)
		}
	}
}

func hooks() *specs.Hooks {
	h := []specs.Hook{{Path: "/x"}}
	return &specs.Hooks{CreateRuntime: h, CreateContainer: h, StartContainer: h}
}

func TestAProgramTellsHowFarItIsAndWaits(t *testing.T) {
	for _, noPivot := range []bool{false, true} {
		b := newBox(t, "cat /hook; ls /proc/1/fd; cat /proc/self/mountinfo | head -1; echo end")
		b.spec.Hooks = hooks()
		b.in.NoPivot = noPivot
		o := b.synced(func(o *other, p runtime.Sync) bool {
			proc := "/proc/" + strconv.Itoa(int(o.pid))
			if p == runtime.SyncCreate {
				// The root is where the host's tree can still be seen, mounts and all.
				if _, err := os.Stat(filepath.Join(proc, "root", b.in.Staging, "proc/1")); err != nil {
					t.Error(err)
				}
				b.must(os.WriteFile(filepath.Join(proc, "root", b.in.Staging, "hook"), []byte("hooked\n"), 0o644))
			}
			return true
		})
		out, code := b.run()
		o.end()
		if code != 0 || !strings.HasPrefix(out, "hooked\n0\n1\n2\n") || !strings.HasSuffix(out, "\nend\n") || o.got != "rcp" {
			t.Errorf("points %q, exit %d, output:\n%s", o.got, code, out)
		}
	}
}

func TestAProgramFailsWhenTheOtherSideSaysNoOrIsGone(t *testing.T) {
	for _, gone := range []bool{false, true} {
		b := newBox(t, "true")
		b.spec.Hooks = hooks()
		b.synced(func(o *other, _ runtime.Sync) bool {
			if gone {
				unix.Shutdown(o.sock, unix.SHUT_RDWR)
			}
			return false
		})
		if f := b.failure(); f.Name != "wait for the createRuntime hooks" || f.Errno != unix.EINVAL {
			t.Error(f)
		}
	}
}

func TestCreateFailsWhenTheProgramCannotBeExecuted(t *testing.T) {
	for _, test := range []struct {
		file string
		uid  uint32
		want string
		code int
	}{
		{"nope", 0, `exec: "nope": executable file not found in $PATH`, 127},
		{"/nope", 0, `exec: "/nope": stat /nope: no such file or directory`, 127},
		{"/etc", 0, `exec: "/etc": is a directory`, 126},
		{"/etc/text", 0, `exec: "/etc/text": permission denied`, 126},
		{"/etc/root", 1000, `exec: "/etc/root": permission denied`, 126},
		{"folder", 0, `exec: "folder": executable file not found in $PATH`, 127},
	} {
		b := newBox(t)
		b.spec.Process.Args, b.spec.Process.User.UID = []string{test.file}, test.uid
		b.must(os.WriteFile(filepath.Join(b.image, "etc/text"), nil, 0o644))
		b.must(os.WriteFile(filepath.Join(b.image, "etc/root"), nil, 0o700))
		b.must(os.Mkdir(filepath.Join(b.image, "bin/folder"), 0o755))
		o := b.synced(func(*other, runtime.Sync) bool { return true })
		text, code := runtime.StartFailure(b.failure(), b.spec)
		o.end()
		if !strings.HasSuffix(text, test.want) || code != test.code || o.got != "w" {
			t.Errorf("%d %s (points %q)", code, text, o.got)
		}
	}
}

func TestDescriptorsArePreservedWhateverTheirNumbersWere(t *testing.T) {
	b := newBox(t, "cat <&3; cat <&4; cat <&5; ls /proc/self/fd")
	o := b.synced(func(*other, runtime.Sync) bool { return true })
	for i, text := range []string{"three\n", "four\n", "five\n"} {
		name := filepath.Join(t.TempDir(), "file")
		b.must(os.WriteFile(name, []byte(text), 0o600))
		f, err := os.Open(name)
		b.must(err)
		b.give(runtime.Preserve(i), f)
	}
	out, _ := b.run()
	o.end()
	if out != "three\nfour\nfive\n0\n1\n2\n3\n4\n5\n6\n" {
		t.Errorf("%q", out)
	}
}

func TestATreeStandsForTheSourceOfAMount(t *testing.T) {
	b := newBox(t, "cat /data/file; touch /data/x; echo $?")
	dir := t.TempDir()
	b.must(os.WriteFile(filepath.Join(dir, "file"), []byte("here\n"), 0o644))
	tree, err := unix.OpenTree(unix.AT_FDCWD, dir, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	b.must(err)
	b.give(runtime.Tree(len(b.spec.Mounts)), os.NewFile(uintptr(tree), "tree"))
	b.spec.Mounts = append(b.spec.Mounts, specs.Mount{Destination: "/data", Type: "bind", Source: "/nowhere", Options: []string{"bind", "ro"}})
	if out, _ := b.run(); out != "here\n1\n" {
		t.Errorf("%q", out)
	}
}

// hook runs a hook in a container and returns what it wrote.
func (b *box) hook(c launch.Child, hook specs.Hook, in runtime.HookInputs) (string, error) {
	b.t.Helper()
	files := map[string]*os.File{}
	give := func(name string, f *os.File) {
		b.t.Cleanup(func() { f.Close() })
		files[name], in.Fds = f, append(in.Fds, name)
	}
	pidfd, err := unix.PidfdOpen(c.Pid, 0)
	b.must(err)
	give(runtime.FdPidfd, os.NewFile(uintptr(pidfd), "pidfd"))
	out, _ := pipes(b.t, give)
	p, err := runtime.CompileHook(hook, in)
	if err != nil {
		return "", err
	}
	child, err := launchWith(b.t, b.asm, p, files)
	if err != nil {
		return "", err
	}
	files[runtime.FdStdout].Close()
	text, err := io.ReadAll(out)
	reap(b.t, child)
	return string(text), err
}

func TestAHookRunsInTheContainersNamespaces(t *testing.T) {
	b := newBox(t)
	b.spec.Hostname = "hooked"
	c := running(b)
	all := []specs.LinuxNamespaceType{specs.MountNamespace, specs.UTSNamespace, specs.PIDNamespace, specs.NetworkNamespace, specs.IPCNamespace}
	script := []string{"sh", "-c", "hostname; echo $A; grep CapEff /proc/self/status; cat /proc/1/cmdline"}
	out, err := b.hook(c, specs.Hook{Path: "/bin/sh", Args: script, Env: []string{"A=b", "PATH=/bin"}},
		runtime.HookInputs{Join: all, Process: b.spec.Process})
	b.must(err)
	wants(t, out, "hooked\nb\n", "CapEff:\t00000000a80425fb", "sleep\x001000")
	// In the host's mount namespace the path is the host's.
	out, err = b.hook(c, specs.Hook{Path: busybox, Args: []string{"busybox", "hostname"}}, runtime.HookInputs{Join: []specs.LinuxNamespaceType{specs.UTSNamespace}})
	b.must(err)
	if out != "hooked\n" {
		t.Errorf("%q", out)
	}
	var f *program.Failure
	if _, err := b.hook(c, specs.Hook{Path: "/nope"}, runtime.HookInputs{}); !errors.As(err, &f) || f.Errno != unix.ENOENT {
		t.Error(err)
	}
}

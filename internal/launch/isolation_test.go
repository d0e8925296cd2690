package launch_test

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"berth/internal/launch"
	"berth/internal/program"
)

func TestNoDescriptorBeyondTheNamedOnesReachesTheChild(t *testing.T) {
	// Descriptors of a careless parent: not close-on-exec, low and high.
	for _, low := range []int{3, 200} {
		stray, err := unix.FcntlInt(0, unix.F_DUPFD, low)
		if err != nil {
			t.Fatal(err)
		}
		defer syscall.Close(stray)
	}
	named, err := unix.FcntlInt(0, unix.F_DUPFD, 100) // named, and not close-on-exec either
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(named)
	forEach(t, func(t *testing.T, x launch.Executor) {
		p := says(step("run", unix.SYS_EXECVE, program.Str(busybox),
			program.Vec([]string{"ls", "/proc/self/fd"}), program.Vec(nil)))
		p.AddFd("named")
		if got := output(t, x, p, named); got != "0\n1\n2\n3" { // 3 is the directory
			t.Errorf("the child has %q", got)
		}
		p = says(sh("readlink /proc/self/fd/0; readlink /proc/self/fd/2"))
		if got := output(t, x, p); got != "/dev/null\n/dev/null" {
			t.Errorf("standard input and error are %q", got)
		}
	})
}

func TestDescriptorsKeepTheirMeaningWhateverTheirNumbers(t *testing.T) {
	forEach(t, func(t *testing.T, x launch.Executor) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		// The parent's own standard input as a named descriptor, beside a pipe.
		p := says(dup(program.Fd(1), 0), sh("echo in >&1; exit 3"))
		p.AddFd("stdin")
		if got := runs(t, x, p, int(w.Fd()), 0); got != 3 {
			t.Errorf("exit status %d", got)
		}
		w.Close()
	})
}

func TestTheChildHasNoSignalBlockedIgnoredOrCaught(t *testing.T) {
	signal.Ignore(syscall.SIGHUP)
	defer signal.Reset(syscall.SIGHUP)
	signal.Notify(make(chan os.Signal, 1), syscall.SIGUSR1)
	defer signal.Reset(syscall.SIGUSR1)
	forEach(t, func(t *testing.T, x launch.Executor) {
		p := says(step("run", unix.SYS_EXECVE, program.Str(busybox),
			program.Vec([]string{"grep", "^Sig[BIC]", "/proc/self/status"}), program.Vec(nil)))
		const want = "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nSigCgt:\t0000000000000000"
		if got := output(t, x, p); got != want {
			t.Errorf("%s", got)
		}
	})
}

const allNamespaces = syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC | syscall.CLONE_NEWNET

func TestTheChildIsBornInNewNamespaces(t *testing.T) {
	forEach(t, func(t *testing.T, x launch.Executor) {
		p := says(
			step("private mounts", unix.SYS_MOUNT, program.Str("none"), program.Str("/"), program.Imm(0), program.Imm(unix.MS_REC|unix.MS_PRIVATE)),
			step("proc", unix.SYS_MOUNT, program.Str("proc"), program.Str("/proc"), program.Str("proc")),
			step("hostname", unix.SYS_SETHOSTNAME, program.Str("inside"), program.Imm(6)),
			sh("hostname; echo $$; for n in mnt pid uts ipc net; do readlink /proc/self/ns/$n; done"),
		)
		p.Clone.Flags = allNamespaces
		lines := strings.Split(output(t, x, p), "\n")
		if len(lines) != 7 || lines[0] != "inside" || lines[1] != "1" {
			t.Fatalf("%q", lines)
		}
		for i, n := range []string{"mnt", "pid", "uts", "ipc", "net"} {
			if ours, err := os.Readlink("/proc/self/ns/" + n); err != nil || ours == lines[2+i] {
				t.Errorf("%s namespace: %q, %v", n, lines[2+i], err)
			}
		}
	})
}

func TestAChildIsBornInThePidNamespaceOfAnother(t *testing.T) {
	forEach(t, func(t *testing.T, x launch.Executor) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		defer w.Close()
		// The container: it lives until its standard input ends.
		first := program.New()
		first.AddFd("stdin")
		first.Clone.Flags = syscall.CLONE_NEWPID
		first.Add(dup(program.Fd(0), 0))
		first.Add(sh("read x"))
		container, err := start(t, x, first, int(r.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		defer reap(t, container)
		defer w.Close()

		p := says(sh("readlink /proc/self/ns/pid"))
		p.Clone.PidNS = p.AddFd("container")
		for range 3 {
			got, want := output(t, x, p, container.PidFd), readlink(t, fmt.Sprintf("/proc/%d/ns/pid", container.Pid))
			if got != want {
				t.Errorf("the exec is in %s, the container in %s", got, want)
			}
		}
		// And this process' own children are outside again.
		if got := output(t, x, says(sh("readlink /proc/self/ns/pid"))); got != readlink(t, "/proc/self/ns/pid") {
			t.Errorf("a later child is in %s", got)
		}
	})
}

func readlink(t *testing.T, path string) string {
	t.Helper()
	s, err := os.Readlink(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTheChildIsBornInItsControlGroup(t *testing.T) {
	root := ""
	for _, dir := range []string{"/sys/fs/cgroup/unified", "/sys/fs/cgroup"} {
		var st syscall.Statfs_t
		if syscall.Statfs(dir, &st) == nil && st.Type == unix.CGROUP2_SUPER_MAGIC {
			root = dir
			break
		}
	}
	if root == "" {
		t.Skip("no cgroup v2 tree is mounted")
	}
	forEach(t, func(t *testing.T, x launch.Executor) {
		dir, err := os.MkdirTemp(root, "berth-launch-test-")
		if err != nil {
			t.Skip("no control group can be made: ", err)
		}
		defer os.Remove(dir)
		fd, err := syscall.Open(dir, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer syscall.Close(fd)
		p := says(sh("sed -n 's/^0:://p' /proc/self/cgroup"))
		p.Clone.Cgroup = p.AddFd("cgroup")
		if got := output(t, x, p, fd); filepath.Base(got) != filepath.Base(dir) {
			t.Errorf("the child is in %s, not in %s", got, dir)
		}
	})
}

func TestManyStartsAtOnceAllComeBack(t *testing.T) {
	const workers, each = 8, 25
	forEach(t, func(t *testing.T, x launch.Executor) {
		before := descriptors(t)
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() {
				for i := range each {
					p := program.New()
					p.Add(sh(fmt.Sprint("exit ", i)))
					child, err := start(t, x, p)
					if child.Pid == 0 {
						t.Error(err)
						return
					}
					if got := reap(t, child).ExitStatus(); err != nil || got != i {
						t.Errorf("%v, exit status %d, not %d", err, got, i)
					}
				}
			})
		}
		wg.Wait()
		if after := descriptors(t); len(after) != len(before) {
			t.Errorf("descriptors are left behind: %v, not %v", after, before)
		}
	})
}

var ours = regexp.MustCompile(`^anon_inode:\[event(poll|fd)\]$`)

// descriptors lists what this process holds, the runtime's own aside.
func descriptors(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && !ours.MatchString(to) {
			list = append(list, e.Name()+" "+to)
		}
	}
	return list
}

func BenchmarkStartToReaped(b *testing.B) {
	run := step("run", unix.SYS_EXECVE, program.Str(busybox), program.Vec([]string{"true"}), program.Vec(nil))
	for name, x := range executors(b) {
		measure := func(name string, steps ...program.Step) {
			p := program.New()
			for _, s := range steps {
				p.Add(s)
			}
			b.Run(name, func(b *testing.B) {
				for b.Loop() {
					child, err := start(b, x, p)
					if err != nil {
						b.Fatal(err)
					}
					reap(b, child)
				}
			})
		}
		measure(name, run)
		measure(name+" born again", birth(), run)
	}
}

//go:build linux

package runtime_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/fault"
	"berth/internal/launch"
	"berth/internal/linux/console"
	"berth/internal/linux/seccomp"
	"berth/internal/program"
	"berth/internal/runtime"
)

// sandboxOf is the spec of a sandbox that waits for nobody in particular.
func sandboxOf(spec *specs.Spec) *specs.Spec {
	parked := runtime.DefaultSpec(runtime.Sandbox{ThermalPaths: runtime.ThermalThrottle()})
	parked.Linux.Namespaces = spec.Linux.Namespaces
	return parked
}

// park parks a sandbox for the container.
func (b *box) park() (*specs.Spec, launch.Parked, launch.Child) {
	b.t.Helper()
	parked := sandboxOf(b.spec)
	p, err := runtime.CompilePark(parked, runtime.Inputs{Staging: b.in.Staging, Cgroup: b.in.Cgroup})
	b.must(err)
	code, err := p.Encode()
	b.must(err)
	waits, child, err := b.asm.Park(code, nil)
	var f *program.Failure
	if errors.As(err, &f) {
		err = p.Fail(f.Step, f.Errno)
	}
	b.must(err)
	return parked, waits, child
}

// warm makes the container of a sandbox.
func (b *box) warm() (launch.Child, error) {
	b.t.Helper()
	parked, waits, child := b.park()
	err := b.resume(parked, waits)
	if err != nil {
		reap(b.t, child)
	}
	return child, err
}

// resume hands a sandbox the rest of the container. A sandbox that fails has ended.
func (b *box) resume(parked *specs.Spec, waits launch.Parked) error {
	b.t.Helper()
	if b.fds[runtime.FdRootfs] == nil {
		b.give(runtime.FdRootfs, b.root())
	}
	filter, err := seccomp.Compile(b.spec.Linux.Seccomp)
	b.must(err)
	b.in.Seccomp = filter
	p, err := runtime.CompileResume(parked, b.spec, b.in)
	if err != nil {
		waits.Discard()
		b.t.Fatal(err)
	}
	code, err := p.Encode()
	b.must(err)
	var fds []int
	for _, name := range p.Fds {
		fds = append(fds, int(b.fds[name].Fd()))
	}
	err = waits.Resume(code, fds)
	var f *program.Failure
	if errors.As(err, &f) {
		err = p.Fail(f.Step, f.Errno)
	}
	return err
}

// bindTree adds a bind mount whose source is handed over.
func (b *box) bindTree(source, dest string, options ...string) {
	b.t.Helper()
	fd, err := unix.OpenTree(unix.AT_FDCWD, source, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	b.must(err)
	b.give(runtime.Tree(len(b.spec.Mounts)), os.NewFile(uintptr(fd), source))
	b.spec.Mounts = append(b.spec.Mounts, specs.Mount{Destination: dest, Type: "bind", Source: source, Options: append([]string{"rbind", "rprivate"}, options...)})
}

// inside tells everything about a container that it can see of itself.
const inside = `
echo == mounts; cat /proc/self/mountinfo
echo == status; cat /proc/self/status
echo == namespaces; ls /proc/self/ns; hostname; cat /proc/sys/kernel/domainname
echo == cgroup; cat /proc/self/cgroup; ls -d /sys/fs/cgroup/*/tasks; ls -l /sys/fs/cgroup | grep ^l
echo == environment; tr '\0' '\n' < /proc/self/environ
echo == descriptors; ls -l /proc/self/fd
echo == limits; cat /proc/self/limits /proc/self/oom_score_adj; umask; pwd; id; tty
echo == sysctls; for f in $(find /proc/sys -type f 2>/dev/null | grep -v -e random -e sys/fs/[a-ln-z] -e pty/nr -e ns_last_pid -e free_ -e sched_); do echo "$f $(head -c 300 $f 2>&1)"; done
echo == devices; ls -lR /dev; df /dev /dev/shm
echo == root; ls -la / /proc/1; ls /sys /sys/firmware /proc/acpi /proc/scsi
echo == writes; for f in /proc/sys/kernel/shmmni /proc/sysrq-trigger /sys/x /x /dev/x /dev/shm/x /proc/kcore /sys/fs/cgroup/x /root/x; do (echo 1 > $f) 2>&1; done
exit 9`

// comparable takes out what differs between any two runs.
func comparable(text string) []string {
	replace := [][2]string{
		{`(?m)^\d+ \d+ \d+:\d+ `, ""},                   // of mounts: IDs and device
		{`(upperdir|workdir|lowerdir\+?)=[^ ,]*`, "$1"}, // the test's directories
		{`(?m)^(Vm|Rss|Pid|Tgid|NSpid|NStgid|NSpgid|PPid|Ngid|nonvol|volunt|Hugetlb|SigQ).*$`, ""},
		{`[A-Z][a-z]{2} +\d+ +[\d:]+ `, ""},         // times of files
		{`(?m)^([-dlcbp][-rwxstST]{9}) +\d+`, "$1"}, // links: those of /proc are the host's processes
		{`(pipe|socket|net|anon_inode):\[\d+\]`, "$1"},
		{`/proc/\d+/fd`, "/proc/fd"},
		{`(?m)^total \d+$`, ""},
		{`0x[0-9a-f]+`, ""},
	}
	for _, r := range replace {
		text = regexp.MustCompile(r[0]).ReplaceAllString(text, r[1])
	}
	var lines []string
	for section := range strings.SplitSeq(text, "\n== ") {
		part := strings.Split(section, "\n")
		for i := range part[1:] {
			part[1+i] = part[0] + ": " + strings.TrimSpace(part[1+i])
		}
		slices.Sort(part[1:])
		lines = append(lines, part...)
	}
	return lines
}

// warmable are containers that can be made of a sandbox.
func warmable(t *testing.T) map[string]func(b *box) {
	volume := t.TempDir()
	if err := os.WriteFile(filepath.Join(volume, "f"), []byte("content\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return map[string]func(b *box){
		"the default":      func(*box) {},
		"names":            func(b *box) { b.spec.Hostname, b.spec.Domainname = "box", "example" },
		"a read-only root": func(b *box) { b.spec.Root.Readonly = true },
		"another shm size": func(b *box) {
			b.spec.Mounts = runtime.DefaultMounts(runtime.Sandbox{ShmSize: 1 << 20})
		},
		"a user": func(b *box) {
			b.spec.Process.User = specs.User{UID: 1000, GID: 1001, AdditionalGids: []uint32{7, 8}}
			b.spec.Process.Capabilities.Effective, b.spec.Process.Capabilities.Permitted = nil, nil
			b.spec.Process.NoNewPrivileges = true
			b.spec.Process.Cwd = "/work/new"
		},
		"limits and sysctls": func(b *box) {
			score, umask := 500, uint32(0o027)
			b.spec.Process.OOMScoreAdj, b.spec.Process.User.Umask = &score, &umask
			b.spec.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 64, Hard: 128}}
			b.spec.Linux.Sysctl = map[string]string{"net.ipv4.ip_unprivileged_port_start": "0", "kernel.shmmni": "77"}
		},
		"mounts": func(b *box) {
			b.bindTree(volume, "/data")
			b.bindTree(volume, "/new/place", "ro")
			b.bindTree(volume+"/f", "/etc/hosts", "ro")
			b.spec.Mounts = append(b.spec.Mounts, specs.Mount{Destination: "/tmp", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "size=1m"}})
			b.bindTree(volume, "/dev/shm/below")
		},
		"a device": func(b *box) {
			fuse, err := runtime.Device("/dev/zero", "/dev/mine/zero")
			b.must(err)
			b.spec.Linux.Devices = append(b.spec.Linux.Devices, fuse)
		},
		"other capabilities": func(b *box) {
			one := []string{"CAP_NET_BIND_SERVICE"}
			b.spec.Process.Capabilities = &specs.LinuxCapabilities{Bounding: one, Effective: one, Permitted: one, Inheritable: one, Ambient: one}
		},
		"without a seccomp filter": func(b *box) { b.spec.Linux.Seccomp = nil },
	}
}

// newProbe is a container that tells everything.
func newProbe(t *testing.T) *box {
	b := newBox(t, inside)
	for _, name := range []string{"tr", "find", "df"} {
		b.link(name)
	}
	return b
}

// link gives the image one more of busybox's programs.
func (b *box) link(name string) {
	b.must(os.Symlink("busybox", filepath.Join(b.image, "bin", name)))
}

// ends collects what a started container says, and its exit code.
func (b *box) ends(child launch.Child, err error, out io.Reader) (string, int) {
	b.t.Helper()
	b.must(err)
	for name, f := range b.fds {
		if name == runtime.FdStdout || name == runtime.FdStderr || name == runtime.FdPty {
			f.Close()
		}
	}
	text, err := io.ReadAll(out)
	if err != nil && !errors.Is(err, syscall.EIO) { // a terminal's end
		b.t.Fatal(err)
	}
	return string(text), reap(b.t, child)
}

func TestAContainerOfASandboxIsNoOtherThanOneStartedAtOnce(t *testing.T) {
	for name, change := range warmable(t) {
		t.Run(name, func(t *testing.T) {
			tell := func(start func(*box) (launch.Child, error)) ([]string, int) {
				b := newProbe(t)
				change(b)
				out, _ := pipes(t, b.give)
				child, err := start(b)
				text, code := b.ends(child, err, out)
				return comparable(text), code
			}
			cold, code := tell((*box).start)
			warm, code2 := tell((*box).warm)
			same(t, cold, warm)
			if code != 9 || code2 != 9 {
				t.Errorf("exit codes %d and %d", code, code2)
			}
		})
	}
}

func same(t *testing.T, cold, warm []string) {
	t.Helper()
	if len(cold) < 100 {
		t.Errorf("too little is told:\n%s", strings.Join(cold, "\n"))
	}
	for _, line := range cold {
		if !slices.Contains(warm, line) {
			t.Errorf("only cold: %q", line)
		}
	}
	for _, line := range warm {
		if !slices.Contains(cold, line) {
			t.Errorf("only warm: %q", line)
		}
	}
}

func TestWhatASandboxCannotBecomeIsSaid(t *testing.T) {
	good := runtime.DefaultSpec(runtime.Sandbox{})
	parked := sandboxOf(good)
	for name, change := range map[string]func(s *specs.Spec){
		"":                   func(*specs.Spec) {},
		"the host's network": func(s *specs.Spec) { s.Linux.Namespaces = s.Linux.Namespaces[1:] },
		"no masks":           func(s *specs.Spec) { s.Linux.MaskedPaths = nil },
		"no read-only paths": func(s *specs.Spec) { s.Linux.ReadonlyPaths = nil },
		"a writable /sys":    func(s *specs.Spec) { s.Mounts[3].Options = []string{"nosuid"} },
		"no /dev/shm":        func(s *specs.Spec) { s.Mounts = s.Mounts[:6] },
		"shared mounts":      func(s *specs.Spec) { s.Linux.RootfsPropagation = "rshared" },
		"a file system of the host": func(s *specs.Spec) {
			s.Mounts = append(s.Mounts, specs.Mount{Destination: "/x", Type: "ext4", Source: "/dev/sda"})
		},
		"hooks": func(s *specs.Spec) { s.Hooks = &specs.Hooks{Poststop: []specs.Hook{{Path: "/x"}}} },
		"a user namespace": func(s *specs.Spec) {
			s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
		},
	} {
		var s specs.Spec
		text, err := json.Marshal(good)
		if err == nil {
			err = json.Unmarshal(text, &s)
		}
		if err != nil {
			t.Fatal(err)
		}
		parked.Linux.MaskedPaths, s.Linux.MaskedPaths = runtime.DefaultMaskedPaths(), runtime.DefaultMaskedPaths()
		change(&s)
		if got := runtime.Warmable(parked, &s); got != (name == "") {
			t.Errorf("%q: %v", name, got)
		}
	}
}

func TestASandboxHoldsNothingOfTheHosts(t *testing.T) {
	b := newBox(t, "true")
	_, waits, child := b.park()
	defer reap(t, child)
	defer waits.Discard()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(child.Pid) + "/mountinfo")
	b.must(err)
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if f[4] != "/" && !strings.HasPrefix(f[4], "/proc") && !strings.HasPrefix(f[4], "/sys") && !strings.HasPrefix(f[4], "/dev") {
			t.Errorf("it has %s", line)
		}
	}
	fds, err := os.ReadDir("/proc/" + strconv.Itoa(child.Pid) + "/fd")
	b.must(err)
	if len(fds) != 5 { // the standard ones, the pipe and the socket
		t.Errorf("it has %d descriptors", len(fds))
	}
}

func TestASandboxIsGivenATerminal(t *testing.T) {
	tell := func(start func(*box) (launch.Child, error)) ([]string, int) {
		b := newProbe(t)
		master, devpts, slave, err := console.New()
		b.must(err)
		defer master.Close()
		b.give(runtime.FdPty, slave)
		b.give(runtime.FdDevpts, devpts)
		b.spec.Process.Terminal = true
		child, err := start(b)
		text, code := b.ends(child, err, master)
		return comparable(strings.ReplaceAll(text, "\r", "")), code
	}
	cold, code := tell((*box).start)
	warm, code2 := tell((*box).warm)
	same(t, cold, warm)
	if code != 9 || code2 != 9 {
		t.Errorf("exit codes %d and %d", code, code2)
	}
}

func TestTheTwoPartsOfAWarmStartAreAsWritten(t *testing.T) {
	spec := defaultSpec()
	spec.Process.Terminal = true
	spec.Linux.Sysctl = map[string]string{"net.ipv4.ip_forward": "1"}
	spec.Linux.Namespaces[1].Path = "fd:" + runtime.FdNetNS
	parked := sandboxOf(spec)
	parked.Linux.MaskedPaths = spec.Linux.MaskedPaths
	p, err := runtime.CompilePark(parked, runtime.Inputs{
		Fds: []string{runtime.FdNetNS, runtime.FdCgroup}, Staging: "/run/berth/staging", Cgroup: runtime.Cgroup{Unified: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/park.txt", p.Text())
	n := len(parked.Mounts)
	p, err = runtime.CompileResume(parked, spec, runtime.Inputs{
		Fds:     []string{runtime.FdRootfs, runtime.Tree(n), runtime.Tree(n + 1), runtime.FdPty, runtime.FdDevpts},
		Staging: "/run/berth/staging", Seccomp: smallFilter(),
	})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/resume.txt", p.Text())
}

func TestABindWithoutItsSourceIsNoWarmStart(t *testing.T) {
	spec := defaultSpec()
	parked := sandboxOf(spec)
	parked.Linux.MaskedPaths = spec.Linux.MaskedPaths
	_, err := runtime.CompileResume(parked, spec, runtime.Inputs{Fds: streams(runtime.FdRootfs), Staging: "/s", Seccomp: smallFilter()})
	if !fault.Is(err, fault.Internal) {
		t.Errorf("%v", err)
	}
}

func TestAnImageCannotRedirectWhatASandboxHasReady(t *testing.T) {
	for name, trick := range map[string]func(b *box){
		"/proc is a link": func(b *box) {
			b.must(os.Remove(filepath.Join(b.image, "proc")))
			b.must(os.Symlink("etc", filepath.Join(b.image, "proc")))
		},
		"/dev is a link to the outside": func(b *box) {
			b.must(os.Remove(filepath.Join(b.image, "dev")))
			b.must(os.Symlink("../../..", filepath.Join(b.image, "dev")))
		},
		"/sys is a file": func(b *box) {
			b.must(os.Remove(filepath.Join(b.image, "sys")))
			b.must(os.WriteFile(filepath.Join(b.image, "sys"), nil, 0o644))
		},
	} {
		t.Run(name, func(t *testing.T) {
			says := func(start func(*box) (launch.Child, error)) string {
				b := newBox(t, "true")
				trick(b)
				pipes(t, b.give)
				child, err := start(b)
				var f *program.Failure
				if !errors.As(err, &f) {
					b.must(syscall.Kill(child.Pid, syscall.SIGKILL))
					reap(t, child)
					t.Fatalf("it starts: %v", err)
				}
				return f.Name + ": " + f.Errno.Error()
			}
			if cold, warm := says((*box).start), says((*box).warm); cold != warm {
				t.Errorf("cold %q, warm %q", cold, warm)
			}
		})
	}
}

func TestWhatAContainerCannotExecuteIsSaidTheSameOfASandbox(t *testing.T) {
	for _, args := range [][]string{{"nothing"}, {"/nothing"}, {"/etc"}, {"/etc/passwd"}} {
		says := func(start func(*box) (launch.Child, error)) string {
			b := newBox(t)
			b.must(os.WriteFile(filepath.Join(b.image, "etc/passwd"), nil, 0o644))
			b.spec.Process.Args = args
			pipes(t, b.give)
			_, err := start(b)
			var f *program.Failure
			if !errors.As(err, &f) {
				t.Fatalf("%v", err)
			}
			text, code := runtime.StartFailure(f, b.spec)
			return text + strconv.Itoa(code)
		}
		if cold, warm := says((*box).start), says((*box).warm); cold != warm {
			t.Errorf("%v: cold %q, warm %q", args, cold, warm)
		}
	}
}

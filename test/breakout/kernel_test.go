//go:build linux

package breakout

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"berth/internal/program"
)

// kernelAttacks are on what the kernel shows of the host.
func kernelAttacks() []attack {
	return []attack{
		{
			name: "a container cannot write the host's sysctls",
			does: []string{"write-sysctl", "/proc/sys/kernel/printk_ratelimit"},
			out:  func(s *stage, p *program.Program) { disarm(s.t, p, "make /proc/sys read-only") },
		},
		{
			name: "a container cannot have the host pipe core dumps to a program of its choice",
			does: []string{"write-sysctl", "/proc/sys/kernel/core_pattern"},
			out:  func(s *stage, p *program.Program) { disarm(s.t, p, "make /proc/sys read-only") },
		},
		{
			name: "a container cannot press the host's SysRq key",
			does: []string{"open-for-writing", "/proc/sysrq-trigger"},
			out:  func(s *stage, p *program.Program) { disarm(s.t, p, "make /proc/sysrq-trigger read-only") },
			closed: func() string {
				if _, err := os.Stat("/proc/sysrq-trigger"); err != nil {
					return "the kernel has no SysRq key"
				}
				return ""
			},
		},
		{
			name: "a container cannot write to sysfs",
			does: []string{"write-sysfs"},
			out:  func(s *stage, p *program.Program) { writable(s.t, p, "make a mount for /sys") },
		},
		{
			name: "a container cannot read what is masked",
			does: []string{"read", "/proc/interrupts"},
			out:  func(s *stage, p *program.Program) { disarm(s.t, p, "mask /proc/interrupts") },
		},
		{
			name:  "a container cannot reach the processes of the host",
			does:  []string{"kill"},
			decoy: decoyProcess,
			out:   func(_ *stage, p *program.Program) { p.Clone.Flags &^= unix.CLONE_NEWPID },
		},
		{
			name:  "a container in a cgroup namespace cannot leave its groups",
			does:  []string{"join-cgroup"},
			decoy: decoyGroup,
			flags: []string{"--cgroupns=private"},
			set: func(s *stage) {
				s.spec.Linux.Namespaces = append(s.spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
			},
			out: func(s *stage, p *program.Program) {
				disarm(s.t, p, "make the cgroup namespace")
				writable(s.t, p, "make a mount for /sys/fs/cgroup")
			},
		},
	}
}

// writable makes new file systems writable that are made read-only.
func writable(t *testing.T, p *program.Program, prefix string) {
	t.Helper()
	for _, i := range find(t, p, prefix) {
		p.Steps[i].Args[2].Value &^= unix.MOUNT_ATTR_RDONLY
	}
}

// decoyProcess runs on the host, and is there to be killed.
func decoyProcess(t *testing.T) []string {
	t.Helper()
	marker := fmt.Sprintf("berth-breakout-decoy-%d", os.Getpid())
	cmd := exec.Command(attacker(), "stay")
	cmd.Args[0] = marker
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may be dead: that is what it is for
		_ = cmd.Wait()
	})
	return []string{marker}
}

// decoyGroup is a control group of the host's that no container is in.
func decoyGroup(t *testing.T) []string {
	t.Helper()
	root := "/sys/fs/cgroup"
	if _, err := os.Stat(root + "/pids"); err == nil {
		root += "/pids"
	}
	dir, err := os.MkdirTemp(root, "berth-breakout-decoy-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
	})
	return []string{filepath.Base(dir)}
}

// rightsAttacks are system calls that a container has no right to.
func rightsAttacks() []attack {
	return []attack{
		{
			name:  "a container cannot use a device that it makes",
			does:  []string{"make-device"},
			decoy: hostDevice,
			out:   withoutDeviceRules,
		},
		{
			name: "a container cannot make a user namespace in order to mount in it",
			does: []string{"user-namespace"},
			out:  func(s *stage, p *program.Program) { disarm(s.t, p, "load the seccomp filter") },
		},
		{
			name:  "a container cannot have the kernel run a release agent (CVE-2022-0492)",
			does:  []string{"release-agent", fmt.Sprintf("berth-breakout-%d", os.Getpid()), "/nonexistent"},
			flags: []string{"--cgroupns=host"},
			out:   func(s *stage, p *program.Program) { unconfined(s.t, p) },
			closed: func() string {
				if b, err := os.ReadFile("/proc/filesystems"); err == nil && !strings.Contains(string(b), "\tcgroup\n") {
					return "the kernel has no control groups of version 1, and those of version 2 have no release agent"
				}
				return ""
			},
		},
		{
			name:  "a container cannot open the host's files by their handles",
			does:  []string{"open-by-handle", "/etc/hosts"},
			decoy: decoyHandle,
			set: func(s *stage) {
				own := filepath.Join(s.image, "..", "hosts") // in the file system of the decoy
				s.must(os.WriteFile(own, nil, 0o644))
				s.spec.Mounts = append(s.spec.Mounts, specs.Mount{Destination: "/etc/hosts", Source: own, Type: "bind", Options: []string{"rbind"}})
			},
			out: func(s *stage, p *program.Program) { unconfined(s.t, p) },
		},
		{
			name: "a container does not share the keys of the engine's session",
			does: []string{"find-key", decoyKeyName},
			out: func(s *stage, p *program.Program) {
				disarm(s.t, p, "start a session keyring", "load the seccomp filter")
			},
			run: withKeyring,
		},
		{
			name: "a container cannot type into the terminal that it was started from",
			does: []string{"type-into-tty"},
			out:  func(s *stage, p *program.Program) { disarm(s.t, p, "start a session") },
			run:  fromTerminal,
			closed: func() string {
				if b, err := os.ReadFile("/proc/sys/dev/tty/legacy_tiocsti"); err == nil && strings.TrimSpace(string(b)) == "0" {
					return "dev.tty.legacy_tiocsti is 0, so that TIOCSTI needs CAP_SYS_ADMIN"
				}
				return ""
			},
		},
	}
}

// hostDevice is the number of a device of the host's that a container must not
// use, and that does nothing when it is opened.
func hostDevice(t *testing.T) []string {
	t.Helper()
	for _, path := range []string{"/dev/fuse", "/dev/loop-control", "/dev/net/tun", "/dev/rtc0"} {
		var st unix.Stat_t
		f, err := os.Open(path)
		if err != nil {
			continue
		}
		err = unix.Fstat(int(f.Fd()), &st)
		f.Close()
		if err == nil && st.Mode&unix.S_IFMT == unix.S_IFCHR {
			return []string{fmt.Sprint(unix.Major(st.Rdev)), fmt.Sprint(unix.Minor(st.Rdev))}
		}
	}
	t.Skip("the host has no device that could be opened")
	return nil
}

// withoutDeviceRules leaves the container outside the group with the rules.
func withoutDeviceRules(s *stage, p *program.Program) {
	p.Clone.Cgroup = -1 // version 2's
	for _, file := range s.in.Cgroup.Join {
		if strings.HasPrefix(file, "/sys/fs/cgroup/devices/") {
			disarm(s.t, p, "join "+filepath.Dir(file))
		}
	}
}

// decoyHandle is the handle of a secret on the host.
func decoyHandle(t *testing.T) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte("the host's secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	h, _, err := unix.NameToHandleAt(unix.AT_FDCWD, path, 0)
	if err != nil {
		t.Fatal(err)
	}
	return []string{fmt.Sprint(h.Type()), fmt.Sprintf("%x", h.Bytes())}
}

const decoyKeyName = "berth-breakout-secret"

// withKeyring starts the container from a thread with a session keyring of
// its own, in which there is a key. The thread ends with the test.
func withKeyring(s *stage, p *program.Program, out *os.File) (said string) {
	onThread(func() {
		if _, _, errno := unix.RawSyscall(unix.SYS_KEYCTL, unix.KEYCTL_JOIN_SESSION_KEYRING, 0, 0); errno != 0 {
			said = "the test has no keyring: " + errno.Error()
			return
		}
		if _, err := unix.AddKey("user", decoyKeyName, []byte("the engine's secret"), unix.KEY_SPEC_SESSION_KEYRING); err != nil {
			said = "the test has no key: " + err.Error()
			return
		}
		said = s.run(p, out)
	})
	return said
}

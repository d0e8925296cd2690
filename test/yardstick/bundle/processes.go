//go:build linux

package bundle

import (
	"os"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// processes are about what the process itself is.
func processes() []Case {
	return []Case{
		{Name: "default"},
		{Name: "user", Edit: func(b *Bundle) { b.Spec.Process.User = specs.User{UID: 1000, GID: 1000} }},
		{Name: "user-with-groups", Edit: func(b *Bundle) {
			b.Spec.Process.User = specs.User{UID: 1000, GID: 1000, AdditionalGids: []uint32{2000, 5, 77}}
		}},
		{Name: "user-unknown", Edit: func(b *Bundle) { b.Spec.Process.User = specs.User{UID: 54321, GID: 12345} }},
		{Name: "umask", Edit: func(b *Bundle) { mask := uint32(0o027); b.Spec.Process.User.Umask = &mask }},
		{Name: "cwd", Edit: func(b *Bundle) { b.Spec.Process.Cwd = "/home/user" }},
		{Name: "cwd-is-made", Edit: func(b *Bundle) { b.Spec.Process.Cwd = "/not/there/yet" }},
		{Name: "cwd-of-user", Edit: func(b *Bundle) {
			b.Spec.Process.User, b.Spec.Process.Cwd = specs.User{UID: 1000, GID: 1000}, "/home/user"
			b.Check(os.Chown(b.Root("home/user"), 1000, 1000))
			b.Check(os.Chmod(b.Root("home/user"), 0o700))
		}},
		{Name: "cwd-through-link", Edit: func(b *Bundle) {
			b.Spec.Process.Cwd = "/link"
			b.Check(os.Symlink("/home/user", b.Root("link")))
		}},
		{Name: "env", Edit: func(b *Bundle) {
			b.Spec.Process.Env = append(b.Spec.Process.Env, "A=1", "EMPTY=", "WITH SPACE=x y", "A=2", "EQ=a=b")
		}},
		{Name: "env-without-home", Edit: func(b *Bundle) { b.Spec.Process.Env = b.Spec.Process.Env[:1] }},
		{Name: "env-home-of-user", Edit: func(b *Bundle) {
			b.Spec.Process.Env, b.Spec.Process.User = b.Spec.Process.Env[:1], specs.User{UID: 1000, GID: 1000}
		}},
		{Name: "args-by-path", Silent: true, Args: []string{"/bin/busybox", "echo", "a b", "", "c"}},
		{Name: "args-in-path", Silent: true, Args: []string{"busybox", "echo", "found"}},
		{Name: "args-relative", Silent: true, Args: []string{"bin/busybox", "echo", "relative"}},
		{Name: "program-named-sh", Silent: true, Args: []string{"sh", "-c", "echo $0 $#", "zero", "one"}},
		{Name: "oom-score", Edit: func(b *Bundle) { n := 567; b.Spec.Process.OOMScoreAdj = &n }},
		{Name: "personality", Script: "cat /proc/self/personality", Edit: func(b *Bundle) {
			b.Spec.Linux.Personality = &specs.LinuxPersonality{Domain: specs.PerLinux32}
		}},
		{Name: "rlimits", Edit: func(b *Bundle) {
			b.Spec.Process.Rlimits = []specs.POSIXRlimit{
				{Type: "RLIMIT_NOFILE", Hard: 200, Soft: 100}, {Type: "RLIMIT_CORE", Hard: 0, Soft: 0},
				{Type: "RLIMIT_STACK", Hard: 8 << 20, Soft: 4 << 20}, {Type: "RLIMIT_FSIZE", Hard: 1 << 30, Soft: 1 << 20},
				{Type: "RLIMIT_CPU", Hard: 100, Soft: 50}, {Type: "RLIMIT_AS", Hard: 1 << 32, Soft: 1 << 31},
				{Type: "RLIMIT_DATA", Hard: 1 << 31, Soft: 1 << 30},
			}
		}},
		{Name: "rlimits-none", Edit: func(b *Bundle) { b.Spec.Process.Rlimits = nil }},
		{Name: "terminal", Tty: true, Script: "tty; readlink /proc/self/fd/0; ls -l /dev/console | cut -c1-10", Edit: func(b *Bundle) { b.Spec.Process.Terminal = true }},
		{Name: "terminal-size", Tty: true, Silent: true, Script: "stty size", Edit: func(b *Bundle) {
			b.Spec.Process.Terminal, b.Spec.Process.ConsoleSize = true, &specs.Box{Height: 33, Width: 77}
		}},
		{Name: "terminal-of-user", Tty: true, Script: "tty", Edit: func(b *Bundle) {
			b.Spec.Process.Terminal, b.Spec.Process.User = true, specs.User{UID: 1000, GID: 1000}
		}},
		{Name: "preserve-fds", Flags: []string{"--preserve-fds", "2"}, Script: "cat <&3; cat <&4"},
	}
}

// rights are about what the process may do.
func rights() []Case {
	return []Case{
		{Name: "caps-none", Edit: func(b *Bundle) { b.Caps() }},
		{Name: "caps-absent", Edit: func(b *Bundle) { b.Spec.Process.Capabilities = nil }},
		{Name: "caps-all-sets", Edit: func(b *Bundle) { b.Caps("CAP_CHOWN", "CAP_NET_ADMIN", "CAP_SYS_ADMIN") }},
		{Name: "caps-of-user", Edit: func(b *Bundle) {
			b.Caps("CAP_NET_BIND_SERVICE", "CAP_KILL")
			b.Spec.Process.User = specs.User{UID: 1000, GID: 1000}
		}},
		{Name: "caps-of-user-not-ambient", Edit: func(b *Bundle) {
			b.Caps("CAP_NET_BIND_SERVICE", "CAP_KILL")
			b.Spec.Process.Capabilities.Ambient = nil
			b.Spec.Process.User = specs.User{UID: 1000, GID: 1000}
		}},
		{Name: "caps-unequal", Edit: func(b *Bundle) {
			b.Spec.Process.Capabilities = &specs.LinuxCapabilities{Bounding: []string{"CAP_CHOWN", "CAP_KILL"}, Permitted: []string{"CAP_CHOWN", "CAP_KILL"}, Effective: []string{"CAP_CHOWN"}}
		}},
		{Name: "new-privileges", Edit: func(b *Bundle) { b.Spec.Process.NoNewPrivileges = false }},
		{Name: "setuid-program", Script: "/home/suid/id -u", Silent: true, Edit: func(b *Bundle) { suid(b, false) }},
		{Name: "setuid-program-no-new-privileges", Script: "/home/suid/id -u", Silent: true, Edit: func(b *Bundle) { suid(b, true) }},
		{Name: "devices-made", Edit: func(b *Bundle) {
			mode, uid, gid := os.FileMode(0o640), uint32(1000), uint32(2000)
			b.Spec.Linux.Devices = []specs.LinuxDevice{
				{Path: "/dev/kmsgs", Type: "c", Major: 1, Minor: 11, FileMode: &mode, UID: &uid, GID: &gid},
				{Path: "/dev/below/disk", Type: "b", Major: 7, Minor: 0}, {Path: "/dev/pipe", Type: "p", FileMode: &mode},
				{Path: "/dev/u", Type: "u", Major: 1, Minor: 7},
			}
		}},
		{Name: "device-rules", Silent: true, Script: "head -c 1 /dev/zero | wc -c; mknod /tmp/full c 1 7; echo x > /tmp/full; mknod /tmp/mem c 1 1 && head -c 1 /tmp/mem; mknod /tmp/loop b 7 0 && head -c 1 /tmp/loop; echo end",
			Edit: func(b *Bundle) {
				one, minor := int64(1), int64(7)
				b.Spec.Linux.Resources.Devices = append(b.Spec.Linux.Resources.Devices, specs.LinuxDeviceCgroup{Allow: true, Type: "c", Major: &one, Minor: &minor, Access: "rw"})
			}},
		{Name: "device-rules-deny", Silent: true, Script: "head -c 1 /dev/zero | wc -c; mknod /tmp/full c 1 7; (echo x > /tmp/full); echo end", Edit: func(b *Bundle) {
			b.Spec.Linux.Resources.Devices = append(b.Spec.Linux.Resources.Devices, specs.LinuxDeviceCgroup{Allow: true, Type: "c", Access: "m"})
		}},
	}
}

func suid(b *Bundle, nnp bool) {
	b.Spec.Process.NoNewPrivileges, b.Spec.Process.User = nnp, specs.User{UID: 1000, GID: 1000}
	data, err := os.ReadFile(Busybox)
	b.Check(err)
	b.File(b.Root("home/suid/id"), string(data), 0o755)
	b.Check(unix.Chmod(b.Root("home/suid/id"), unix.S_ISUID|0o755))
}

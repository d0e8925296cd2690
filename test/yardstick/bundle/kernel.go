//go:build linux

package bundle

import (
	"github.com/opencontainers/runtime-spec/specs-go"
)

// userNamespace maps a container's users to others of the host.
func userNamespace(b *Bundle, maps ...specs.LinuxIDMapping) {
	b.Namespace(specs.UserNamespace, "")
	b.Spec.Linux.UIDMappings, b.Spec.Linux.GIDMappings = maps, maps
}

// namespaces are about what is the container's own, and what the host's.
func namespaces() []Case {
	without := func(kind specs.LinuxNamespaceType) Case {
		return Case{Name: "without-" + string(kind), Edit: func(b *Bundle) { b.Drop(kind) }}
	}
	sysctl := func(name string, values map[string]string) Case {
		script := ""
		for key := range values {
			script += "cat /proc/sys/" + slashes(key) + "\n"
		}
		return Case{Name: "sysctl-" + name, Script: script, Edit: func(b *Bundle) { b.Spec.Linux.Sysctl = values }}
	}
	noUTS := without(specs.UTSNamespace)
	noUTS.Edit = func(b *Bundle) { b.Drop(specs.UTSNamespace); b.Spec.Hostname = "" }
	noNet := without(specs.NetworkNamespace)
	return []Case{
		without(specs.IPCNamespace), without(specs.CgroupNamespace), noUTS, noNet,
		{Name: "without-pid", Silent: true, Script: "[ $$ -gt 1 ] && echo the hosts", Edit: func(b *Bundle) { b.Drop(specs.PIDNamespace) }},
		{Name: "without-mount", Silent: true, Script: "id -u; cat /data/file", Edit: func(b *Bundle) {
			b.Drop(specs.MountNamespace)
			b.Spec.Mounts, b.Spec.Linux.MaskedPaths, b.Spec.Linux.ReadonlyPaths = b.Spec.Mounts[:1], nil, nil
		}},
		{Name: "path-net", Edit: func(b *Bundle) {
			b.Drop(specs.NetworkNamespace)
			b.Namespace(specs.NetworkNamespace, "/proc/self/ns/net")
		}},
		{Name: "path-ipc-and-uts", Edit: func(b *Bundle) {
			b.Drop(specs.IPCNamespace, specs.UTSNamespace)
			b.Spec.Hostname = ""
			b.Namespace(specs.IPCNamespace, "/proc/self/ns/ipc")
			b.Namespace(specs.UTSNamespace, "/proc/self/ns/uts")
		}},
		{Name: "user-namespace", Script: "cat /data/file; touch /data/file || echo refused", Edit: func(b *Bundle) {
			userNamespace(b, specs.LinuxIDMapping{ContainerID: 0, HostID: 100000, Size: 65536})
		}},
		{Name: "user-namespace-of-root", Edit: func(b *Bundle) {
			userNamespace(b, specs.LinuxIDMapping{ContainerID: 0, HostID: 0, Size: 65536})
		}},
		{Name: "user-namespace-several-maps", Edit: func(b *Bundle) {
			userNamespace(b, specs.LinuxIDMapping{ContainerID: 0, HostID: 100000, Size: 1000}, specs.LinuxIDMapping{ContainerID: 1000, HostID: 200000, Size: 1}, specs.LinuxIDMapping{ContainerID: 1001, HostID: 300000, Size: 5000})
			b.Spec.Process.User = specs.User{UID: 1000, GID: 1000}
		}},
		{Name: "user-namespace-with-groups", Edit: func(b *Bundle) {
			userNamespace(b, specs.LinuxIDMapping{ContainerID: 0, HostID: 100000, Size: 65536})
			b.Spec.Process.User = specs.User{UID: 7, GID: 8, AdditionalGids: []uint32{9, 10}}
		}},
		{Name: "domain-name", Edit: func(b *Bundle) { b.Spec.Domainname = "yard.example"; b.Spec.Version = "1.1.0" }},
		sysctl("net", map[string]string{"net.ipv4.ip_forward": "1"}), sysctl("slashes", map[string]string{"net/ipv4/ping_group_range": "0 1000"}),
		sysctl("ipc", map[string]string{"kernel.msgmax": "4096"}), sysctl("shm", map[string]string{"kernel.shm_rmid_forced": "1"}),
		{Name: "sysctl-not-a-namespaces", Silent: true, Edit: func(b *Bundle) { b.Spec.Linux.Sysctl = map[string]string{"vm.swappiness": "10"} }},
		{Name: "sysctl-of-the-hosts-net", Silent: true, Edit: func(b *Bundle) {
			b.Drop(specs.NetworkNamespace)
			b.Spec.Linux.Sysctl = map[string]string{"net.ipv4.ip_forward": "1"}
		}},
	}
}

func slashes(key string) string {
	out := []byte(key)
	for i, c := range out {
		if c == '.' {
			out[i] = '/'
		}
	}
	return string(out)
}

// filters are about seccomp.
func filters() []Case {
	filter := func(name, script string, rules ...specs.LinuxSyscall) Case {
		return Case{Name: "seccomp-" + name, Script: script, Edit: func(b *Bundle) {
			b.Spec.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Architectures: []specs.Arch{specs.ArchX86_64, specs.ArchX86, specs.ArchX32}, Syscalls: rules}
		}}
	}
	errno := func(n uint, names ...string) specs.LinuxSyscall {
		return specs.LinuxSyscall{Names: names, Action: specs.ActErrno, ErrnoRet: &n}
	}
	masked := errno(1, "clone")
	masked.Args = []specs.LinuxSeccompArg{{Index: 0, Value: 0x10000000, ValueTwo: 0x10000000, Op: specs.OpMaskedEqual}}
	size := errno(5, "write")
	size.Args = []specs.LinuxSeccompArg{{Index: 2, Value: 4000, Op: specs.OpGreaterThan}}
	both := errno(11, "write")
	both.Args = []specs.LinuxSeccompArg{{Index: 0, Value: 1, Op: specs.OpEqualTo}, {Index: 2, Value: 3, Op: specs.OpLessThan}}
	either := errno(11, "write")
	either.Args = []specs.LinuxSeccompArg{{Index: 2, Value: 3, Op: specs.OpEqualTo}, {Index: 2, Value: 4, Op: specs.OpEqualTo}}
	unknown := errno(1, "no_such_call", "mkdir")
	return []Case{
		filter("empty", ""), filter("errno", "mkdir /tmp/x; chmod 700 /tmp", errno(13, "mkdir"), errno(38, "chmod", "fchmodat")),
		filter("errno-default", "mkdir /tmp/x", specs.LinuxSyscall{Names: []string{"mkdir"}, Action: specs.ActErrno}),
		filter("kill", "mkdir /tmp/x; echo $?", specs.LinuxSyscall{Names: []string{"mkdir"}, Action: specs.ActKillProcess}),
		filter("masked-argument", "unshare -U true; (true) && echo forked", masked),
		filter("greater", "head -c 5000 /dev/zero | wc -c; echo short", size),
		filter("both-arguments", "echo; echo longer", both), filter("same-argument-twice", "echo ab; echo abc; echo abcd", either),
		filter("unknown-call", "mkdir /tmp/x", unknown),
		{Name: "seccomp-flags", Edit: func(b *Bundle) {
			b.Spec.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Flags: []specs.LinuxSeccompFlag{specs.LinuxSeccompFlagSpecAllow, specs.LinuxSeccompFlagLog}, Syscalls: []specs.LinuxSyscall{errno(1, "mkdir")}}
		}},
		{Name: "seccomp-with-new-privileges", Script: "mkdir /tmp/x", Edit: func(b *Bundle) {
			b.Spec.Process.NoNewPrivileges = false
			b.Spec.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{errno(1, "mkdir")}}
		}},
		{Name: "seccomp-bad-action", Silent: true, Edit: func(b *Bundle) {
			b.Spec.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: "SCMP_ACT_NONSENSE"}
		}},
	}
}

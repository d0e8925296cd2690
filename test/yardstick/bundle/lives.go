//go:build linux

package bundle

import (
	"os"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// groups are about control groups, read from inside where one is mounted.
func groups() []Case {
	limits := func(name, files string, set func(*specs.LinuxResources)) Case {
		return Case{Name: "cgroup-" + name, Silent: true, Script: "cd /sys/fs/cgroup; for f in " + files + "; do echo $f; sort $f; done", Edit: func(b *Bundle) {
			b.Mount("cgroup", "cgroup", "/sys/fs/cgroup", "nosuid", "noexec", "nodev", "ro")
			set(b.Spec.Linux.Resources)
		}}
	}
	return []Case{
		limits("memory", "memory/memory.limit_in_bytes memory/memory.soft_limit_in_bytes memory/memory.swappiness memory/memory.oom_control", func(r *specs.LinuxResources) {
			limit, soft, swappiness, off := int64(64<<20), int64(32<<20), uint64(11), true
			r.Memory = &specs.LinuxMemory{Limit: &limit, Reservation: &soft, Swappiness: &swappiness, DisableOOMKiller: &off}
		}),
		limits("memory-swap", "memory/memory.limit_in_bytes memory/memory.memsw.limit_in_bytes", func(r *specs.LinuxResources) {
			limit, swap := int64(64<<20), int64(128<<20)
			r.Memory = &specs.LinuxMemory{Limit: &limit, Swap: &swap}
		}),
		limits("cpu", "cpu/cpu.shares cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us", func(r *specs.LinuxResources) {
			shares, quota, period := uint64(333), int64(45000), uint64(90000)
			r.CPU = &specs.LinuxCPU{Shares: &shares, Quota: &quota, Period: &period}
		}),
		limits("cpu-unlimited", "cpu/cpu.cfs_quota_us", func(r *specs.LinuxResources) { quota := int64(-1); r.CPU = &specs.LinuxCPU{Quota: &quota} }),
		limits("cpuset", "cpuset/cpuset.cpus cpuset/cpuset.mems", func(r *specs.LinuxResources) { r.CPU = &specs.LinuxCPU{Cpus: "0", Mems: "0"} }),
		limits("pids", "pids/pids.max pids/pids.current", func(r *specs.LinuxResources) { n := int64(77); r.Pids = &specs.LinuxPids{Limit: &n} }),
		limits("pids-unlimited", "pids/pids.max", func(r *specs.LinuxResources) { n := int64(-1); r.Pids = &specs.LinuxPids{Limit: &n} }),
		limits("blkio-throttle", "blkio/blkio.throttle.read_bps_device", func(r *specs.LinuxResources) { r.BlockIO = &specs.LinuxBlockIO{} }),
		limits("devices", "devices/devices.list", func(r *specs.LinuxResources) {
			major := int64(10)
			r.Devices = append(r.Devices, specs.LinuxDeviceCgroup{Allow: true, Type: "c", Major: &major, Access: "rw"})
		}),
	}
}

// lives are about ends and hooks.
func lives() []Case {
	ends := func(name, script string) Case { return Case{Name: "ends-" + name, Script: script, Silent: true} }
	killed := ends("by-its-own-signal", "kill -TERM $$")
	killed.Edit = func(b *Bundle) { b.Drop(specs.PIDNamespace) }
	return []Case{
		ends("0", "exit 0"), ends("1", "exit 1"), ends("42", "exit 42"), ends("255", "exit 255"), ends("127", "nosuchthing 2>/dev/null"),
		killed, ends("with-child-left", "sleep 100 & echo left"), ends("init-ignores-its-signals", "kill -TERM $$; echo still here; exit 5"),
		{Name: "stdin", Silent: true, Script: "cat; echo end"},
		{Name: "stderr", Silent: true, Script: "echo to stderr >&2"},
		{Name: "hooks", Silent: true, Script: "cat /data/log", Edit: func(b *Bundle) {
			hook := func(name, path string) []specs.Hook {
				return []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "cat >/dev/null; echo " + name + " >> " + path}, Env: []string{"PATH=/bin:/usr/bin"}}}
			}
			log := b.Root("data/log")
			b.Spec.Hooks = &specs.Hooks{
				//lint:ignore SA1019 specs may still have prestart hooks
				Prestart: hook("prestart", log), CreateRuntime: hook("createRuntime", log), CreateContainer: hook("createContainer", log),
				StartContainer: hook("startContainer", "/data/log"),
			}
		}},
		{Name: "hook-fails", Silent: true, Script: "echo never", Edit: func(b *Bundle) {
			b.Spec.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{Path: "/bin/false"}}}
		}},
		{Name: "hook-is-missing", Silent: true, Script: "echo never", Edit: func(b *Bundle) {
			b.Spec.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{Path: "/no/such/hook"}}}
		}},
		{Name: "hook-takes-too-long", Silent: true, Script: "echo never", Edit: func(b *Bundle) {
			second := 1
			b.Spec.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{Path: "/bin/sleep", Args: []string{"sleep", "100"}, Timeout: &second}}}
		}},
		{Name: "annotations", Silent: true, Script: "echo ran", Edit: func(b *Bundle) { b.Spec.Annotations = map[string]string{"org.example": "x", "": ""} }},
	}
}

// failures are bundles that must be refused.
func failures() []Case {
	refused := func(name string, edit func(*Bundle)) Case {
		return Case{Name: "refused-" + name, Silent: true, Edit: edit}
	}
	file := func(name, text string) Case {
		return refused(name, func(b *Bundle) { b.File(b.Path("config.json"), text, 0o644) })
	}
	return []Case{
		refused("missing-program", func(b *Bundle) { b.Spec.Process.Args = []string{"/no/such/program"} }),
		refused("missing-in-path", func(b *Bundle) { b.Spec.Process.Args = []string{"nosuchprogram"} }),
		refused("not-executable", func(b *Bundle) {
			b.Spec.Process.Args = []string{"/etc/passwd"}
			b.Check(os.Chmod(b.Root("etc/passwd"), 0o644))
		}),
		refused("a-directory", func(b *Bundle) { b.Spec.Process.Args = []string{"/etc"} }),
		refused("bad-format", func(b *Bundle) {
			b.File(b.Root("bin/text"), "just text\n", 0o755)
			b.Spec.Process.Args = []string{"/bin/text"}
		}),
		refused("missing-interpreter", func(b *Bundle) {
			b.File(b.Root("bin/script"), "#!/no/such/sh\n", 0o755)
			b.Spec.Process.Args = []string{"/bin/script"}
		}),
		refused("no-args", func(b *Bundle) { b.Spec.Process.Args = nil }),
		refused("no-process", func(b *Bundle) { b.Spec.Process = nil }),
		refused("relative-cwd", func(b *Bundle) { b.Spec.Process.Cwd = "etc" }),
		refused("cwd-is-a-file", func(b *Bundle) { b.Spec.Process.Cwd = "/etc/passwd" }),
		refused("no-root", func(b *Bundle) { b.Check(os.RemoveAll(b.Root())) }),
		refused("mount-source-missing", func(b *Bundle) { b.Mount("bind", b.Path("nosuch"), "/data", "bind") }),
		refused("mount-kind-unknown", func(b *Bundle) { b.Mount("nosuchfs", "none", "/data") }),
		refused("mount-option-unknown", func(b *Bundle) { b.Mount("tmpfs", "tmpfs", "/data", "nosuchoption") }),
		refused("file-over-directory", func(b *Bundle) { b.File(b.Path("one"), "", 0o644); b.Mount("bind", b.Path("one"), "/data", "bind") }),
		refused("rlimit-unknown", func(b *Bundle) { b.Spec.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NONSENSE"}} }),
		refused("rlimit-soft-above-hard", func(b *Bundle) {
			b.Spec.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Hard: 10, Soft: 20}}
		}),
		refused("namespace-twice", func(b *Bundle) { b.Namespace(specs.PIDNamespace, "") }),
		refused("namespace-path-missing", func(b *Bundle) {
			b.Drop(specs.NetworkNamespace)
			b.Namespace(specs.NetworkNamespace, "/no/such/net")
		}),
		refused("namespace-unknown", func(b *Bundle) { b.Namespace("nonsense", "") }),
		refused("hostname-without-uts", func(b *Bundle) { b.Drop(specs.UTSNamespace) }),
		refused("sysctl-unknown", func(b *Bundle) { b.Spec.Linux.Sysctl = map[string]string{"net.no.such": "1"} }),
		refused("maps-without-namespace", func(b *Bundle) { b.Spec.Linux.UIDMappings = []specs.LinuxIDMapping{{HostID: 100000, Size: 1000}} }),
		file("empty-file", ""), file("no-json", "{"), file("wrong-type", `{"ociVersion":"1.0.2","process":{"args":"sh"}}`),
		file("empty-spec", "{}"),
	}
}

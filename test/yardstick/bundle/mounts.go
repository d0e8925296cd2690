//go:build linux

package bundle

import (
	"os"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// mounts are about kinds of mounts and their options.
func mounts() []Case {
	bind := func(name string, options ...string) Case {
		return Case{Name: "bind-" + name, Script: "cat /data/file; touch /data/file && echo written", Edit: func(b *Bundle) { b.Bind("/data", options...) }}
	}
	tmpfs := func(name string, options ...string) Case {
		return Case{Name: "tmpfs-" + name, Script: "ls -lnd /data | sed 's/[A-Z][a-z][a-z] .*//'; ls -A /data", Edit: func(b *Bundle) { b.Mount("tmpfs", "tmpfs", "/data", options...) }}
	}
	return []Case{
		bind("plain", "bind"), bind("recursive", "rbind"), bind("ro", "bind", "ro"), bind("all", "rbind", "ro", "nosuid", "nodev", "noexec", "noatime"),
		bind("contradictions", "bind", "ro", "rw", "noexec", "exec"), bind("nodiratime", "bind", "nodiratime", "relatime"),
		bind("strictatime", "bind", "strictatime"), bind("private", "rbind", "rprivate"), bind("shared", "bind", "shared"),
		bind("slave", "rbind", "rslave"), bind("unbindable", "bind", "unbindable"), bind("data", "bind", "ro", "mode=755", "size=1k"),
		{Name: "bind-rro", Script: "touch /data/below/x || echo refused", Edit: func(b *Bundle) {
			b.Bind("/data", "rbind", "rro")
			b.Check(os.Mkdir(b.Path("host/below"), 0o755))
		}},
		{Name: "bind-file", Script: "cat /data/file", Edit: func(b *Bundle) {
			b.File(b.Path("one"), "one file\n", 0o644)
			b.Mount("bind", b.Path("one"), "/data/file", "bind", "ro")
		}},
		{Name: "bind-file-to-new-place", Script: "cat /new/place/file", Edit: func(b *Bundle) {
			b.File(b.Path("one"), "one file\n", 0o644)
			b.Mount("bind", b.Path("one"), "/new/place/file", "bind")
		}},
		{Name: "bind-without-type", Script: "cat /data/file", Edit: func(b *Bundle) { b.Bind("/data", "rbind"); b.Spec.Mounts[len(b.Spec.Mounts)-1].Type = "" }},
		{Name: "bind-type-none", Script: "cat /data/file", Edit: func(b *Bundle) { b.Bind("/data", "rbind"); b.Spec.Mounts[len(b.Spec.Mounts)-1].Type = "none" }},
		{Name: "bind-relative-source", Script: "cat /data/file", Edit: func(b *Bundle) { b.Bind("/data", "bind"); b.Spec.Mounts[len(b.Spec.Mounts)-1].Source = "host" }},
		{Name: "bind-through-link", Script: "cat /home/user/file; ls -l /link | sed 's/.* //'", Edit: func(b *Bundle) {
			b.Check(os.Symlink("/home/user", b.Root("link")))
			b.Bind("/link", "bind")
		}},
		{Name: "bind-through-link-out", Script: "cat /etc/out/file", Edit: func(b *Bundle) {
			b.Check(os.Symlink("../../../../../../etc/out", b.Root("link")))
			b.Bind("/link", "bind")
		}},
		{Name: "bind-over-bind", Script: "cat /data/file /data/below/file", Edit: func(b *Bundle) {
			b.Bind("/data", "bind")
			b.Check(os.Mkdir(b.Path("host/below"), 0o755))
			b.Mount("bind", b.Path("host"), "/data/below", "bind", "ro")
		}},
		tmpfs("plain"), tmpfs("options", "nosuid", "nodev", "noexec", "size=1m", "mode=1770", "uid=1000", "gid=2000", "nr_inodes=100"), tmpfs("ro", "ro"),
		tmpfs("copyup", "tmpcopyup", "size=1m"), tmpfs("copyup-mode", "tmpcopyup", "mode=700"),
		{Name: "proc-options", Script: "ls -d /proc/self", Edit: func(b *Bundle) { b.Spec.Mounts[0].Options = []string{"hidepid=2", "nosuid"} }},
		{Name: "sys-writable", Edit: func(b *Bundle) { b.Spec.Mounts[5].Options = []string{"nosuid", "rw"} }},
		{Name: "devpts-plain", Edit: func(b *Bundle) { b.Spec.Mounts[2].Options = nil }},
		{Name: "overlay", Script: "cat /data/file; touch /data/x && ls /data", Edit: func(b *Bundle) {
			b.File(b.Path("low", "file"), "of the layer\n", 0o644)
			b.Check(os.MkdirAll(b.Path("up"), 0o755))
			b.Check(os.MkdirAll(b.Path("work"), 0o755))
			b.Mount("overlay", "overlay", "/data", "lowerdir="+b.Path("low"), "upperdir="+b.Path("up"), "workdir="+b.Path("work"))
		}},
		{Name: "cgroup-mount", Silent: true, Script: "ls /sys/fs/cgroup | grep -v unified; cat /sys/fs/cgroup/pids/pids.max; touch /sys/fs/cgroup/pids/x || echo refused", Edit: func(b *Bundle) {
			b.Mount("cgroup", "cgroup", "/sys/fs/cgroup", "nosuid", "noexec", "nodev", "relatime", "ro")
			limit := int64(50)
			b.Spec.Linux.Resources.Pids = &specs.LinuxPids{Limit: &limit}
		}},
	}
}

// places are about the root and paths that are hidden or locked.
func places() []Case {
	propagation := func(kind string) Case {
		return Case{Name: "propagation-" + kind, Edit: func(b *Bundle) { b.Spec.Linux.RootfsPropagation = kind }}
	}
	return []Case{
		{Name: "readonly-root", Script: "touch /x || echo refused; touch /dev/x && echo dev", Edit: func(b *Bundle) { b.Spec.Root.Readonly = true }},
		{Name: "readonly-root-and-mounts", Script: "touch /data/x && echo data", Edit: func(b *Bundle) {
			b.Spec.Root.Readonly = true
			b.Mount("tmpfs", "tmpfs", "/data")
		}},
		{Name: "absolute-root", Edit: func(b *Bundle) { b.Spec.Root.Path = b.Root() }},
		{Name: "masked-none", Script: "head -c 0 /proc/timer_list && echo readable", Edit: func(b *Bundle) { b.Spec.Linux.MaskedPaths = nil }},
		{Name: "masked-own", Script: "cat /data/file; ls -A /home", Edit: func(b *Bundle) {
			b.Spec.Linux.MaskedPaths = append(b.Spec.Linux.MaskedPaths, "/data/file", "/home", "/not/there")
		}},
		{Name: "readonly-paths-none", Edit: func(b *Bundle) { b.Spec.Linux.ReadonlyPaths = nil }},
		{Name: "readonly-paths-own", Script: "touch /data/file || echo refused; touch /home/x || echo refused", Edit: func(b *Bundle) {
			b.Spec.Linux.ReadonlyPaths = append(b.Spec.Linux.ReadonlyPaths, "/data/file", "/home", "/not/there")
		}},
		propagation("private"), propagation("slave"), propagation("rslave"), propagation("shared"), propagation("rprivate"), propagation("unbindable"),
		{Name: "no-dev-mount", Script: "ls -l /dev | wc -l", Edit: func(b *Bundle) { b.Spec.Mounts = append(b.Spec.Mounts[:1:1], b.Spec.Mounts[5]) }},
	}
}
